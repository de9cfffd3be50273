//! From a message of Telegram to an event, as plain data: who says what where, and whether the bot is meant.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent, IncomingFile, Quote};
use proto::time::Timestamp;

use super::CHANNEL;
use super::place::{Place, message_id};
use super::wire::{Chat, Contact, Entity, File, Location, Message, Update, User};

/// What an update says.
#[derive(Debug)]
pub(super) enum Said {
    /// Nothing that concerns us.
    Nothing,
    /// Something to take.
    Event(Box<(ChatSeen, InboundEvent)>),
    /// *Start* was pressed where a person and the bot are alone: something to take only from a chat without a group.
    Started(Box<(ChatSeen, InboundEvent)>),
    /// A question about the chat or the bot itself, which the adapter answers.
    Asked(Question, Place, Chat),
    /// A group became a supergroup and has another id since; said in the old chat.
    Left {
        /// The id it had.
        from: i64,
        /// The id it has.
        to: i64,
    },
}

/// TG-02.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// `/chatid`.
    ChatId,
    /// `/ping`.
    Ping,
}

/// Reads an update for the bot `me`.
pub(super) fn read(update: &Update, me: &User) -> Said {
    let (message, kind) = match (&update.message, &update.edited_message) {
        (Some(message), _) => (message, EventKind::Message),
        (None, Some(message)) => (message, EventKind::Edited),
        (None, None) => return Said::Nothing,
    };
    let text = message
        .text
        .as_deref()
        .or(message.caption.as_deref())
        .unwrap_or_default();
    if let Some(to) = message.migrate_to_chat_id {
        let from = message.chat.id;
        return Said::Left { from, to };
    }
    let command = command(text, me);
    match command {
        Command::Foreign => return Said::Nothing,
        Command::Ours("chatid", _) => return Said::Asked(Question::ChatId, place(message), message.chat.clone()),
        Command::Ours("ping", _) => return Said::Asked(Question::Ping, place(message), message.chat.clone()),
        // Sent by the app itself when somebody opens the chat of a bot.
        Command::Ours("start", _) if message.chat.kind == "private" && kind == EventKind::Message => {
            return Said::Started(Box::new(event(message, me, kind, update.update_id)));
        }
        Command::Ours("start", _) => return Said::Nothing,
        Command::Ours(..) | Command::None => {}
    }
    let (mut seen, mut event) = event(message, me, kind, update.update_id);
    if let Command::Ours(name, rest) = command {
        // Without the name of the bot, which groups add to tell bots apart, before it or behind it.
        event.text = format!("/{name}{rest}");
    }
    if let Some(from) = message.migrate_from_chat_id {
        // The new chat is a part of what the old one was registered to. There is nothing for the agent to read.
        (seen.parent, event.is_bot) = (Some(Place::chat(from).id()), true);
    } else if event.text.is_empty() && event.files.is_empty() {
        return Said::Nothing;
    }
    Said::Event(Box::new((seen, event)))
}

/// The chat of a message: a topic is one of its own.
pub(super) fn place(message: &Message) -> Place {
    Place {
        chat: message.chat.id,
        thread: message.message_thread_id.filter(|_| message.is_topic_message),
    }
}

enum Command<'t> {
    None,
    /// Its name without the slash, and what follows.
    Ours(&'t str, &'t str),
    /// For another bot.
    Foreign,
}

fn command<'t>(text: &'t str, me: &User) -> Command<'t> {
    let Some(rest) = called(text, me).unwrap_or(text).strip_prefix('/') else {
        return Command::None;
    };
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    match name.split_once('@') {
        Some((name, bot)) if is_name_of(bot, me) => Command::Ours(name, rest),
        Some(_) => Command::Foreign,
        None => Command::Ours(name, rest),
    }
}

/// What follows a mention of us at the beginning.
fn called<'t>(text: &'t str, me: &User) -> Option<&'t str> {
    let (name, rest) = text.strip_prefix('@')?.split_once(char::is_whitespace)?;
    is_name_of(name, me).then(|| rest.trim_start())
}

fn event(message: &Message, me: &User, kind: EventKind, update: i64) -> (ChatSeen, InboundEvent) {
    let place = place(message);
    let sent_at = Timestamp::from_millis(message.date.saturating_mul(1_000));
    let account = me.id.to_string();
    let (sender, sender_name) = sender(message);
    let id = message_id(message.chat.id, message.message_id);
    let dedup_key = match kind {
        EventKind::Message => format!("{CHANNEL}:{account}:{id}"),
        EventKind::Edited | EventKind::Deleted => format!("{CHANNEL}:{account}:{id}/edited/{update}"),
    };
    let seen = ChatSeen {
        id: place.id(),
        channel: CHANNEL.to_owned(),
        account,
        name: name(message),
        is_group_chat: Some(message.chat.kind != "private"),
        parent: place.thread.map(|_| Place::chat(place.chat).id()),
        seen_at: sent_at,
    };
    let event = InboundEvent {
        dedup_key,
        chat: seen.id.clone(),
        sender,
        sender_name,
        text: text(message),
        sent_at,
        is_from_me: false,
        is_bot: message.from.as_ref().is_some_and(|from| from.id == me.id),
        addressed: addressed(message, me),
        kind,
        quote: quote(message),
        files: files(message),
        trace: None,
    };
    (seen, event)
}

/// TG-03; whoever speaks for a chat is that chat.
fn sender(message: &Message) -> (String, String) {
    match (&message.sender_chat, &message.from) {
        (Some(chat), _) => (chat.id.to_string(), chat_name(chat)),
        (None, Some(user)) => (user.id.to_string(), user_name(user)),
        (None, None) => (message.chat.id.to_string(), "Unknown".to_owned()),
    }
}

fn user_name(user: &User) -> String {
    let given = user.first_name.as_deref().filter(|name| !name.is_empty());
    given
        .or(user.username.as_deref())
        .map_or_else(|| user.id.to_string(), str::to_owned)
}

/// TG-04.
pub(super) fn chat_name(chat: &Chat) -> String {
    let name = chat.title.as_ref().or(chat.first_name.as_ref());
    name.map_or_else(|| Place::chat(chat.id).id().to_string(), Clone::clone)
}

/// The name of the chat, or of the topic where this message tells it.
fn name(message: &Message) -> Option<String> {
    let chat = chat_name(&message.chat);
    if place(message).thread.is_none() {
        return Some(chat);
    }
    let replied = message
        .reply_to_message
        .as_ref()
        .and_then(|replied| replied.forum_topic_created.as_ref());
    let topic = message.forum_topic_created.as_ref().or(replied)?;
    Some(format!("{chat} / {}", topic.name))
}

/// What is said in words. Files are named by the core (TG-06).
fn text(message: &Message) -> String {
    let said = message
        .text
        .as_deref()
        .or(message.caption.as_deref())
        .unwrap_or_default();
    let shown = if let Some(sticker) = &message.sticker {
        format!("[Sticker {}]", sticker.emoji.as_deref().unwrap_or_default())
    } else if let Some(Location { latitude, longitude }) = &message.location {
        format!("[Location] {latitude}, {longitude}")
    } else if let Some(Contact {
        phone_number,
        first_name,
    }) = &message.contact
    {
        format!("[Contact] {first_name} {phone_number}")
    } else {
        return said.to_owned();
    };
    format!("{shown} {said}").trim_end().to_owned()
}

/// TG-05, in captions too; also a mention without username, a command for us, an answer to us.
fn addressed(message: &Message, me: &User) -> Addressed {
    if message.chat.kind == "private" {
        return Addressed::Direct;
    }
    let (text, entities) = match &message.text {
        Some(text) => (Some(text), &message.entities),
        None => (message.caption.as_ref(), &message.caption_entities),
    };
    let names_us = |entity: &Entity| {
        let said = text.map(|text| span(text, entity)).unwrap_or_default();
        match entity.kind.as_str() {
            "mention" => said.strip_prefix('@').is_some_and(|name| is_name_of(name, me)),
            "bot_command" => said.split_once('@').is_some_and(|(_, name)| is_name_of(name, me)),
            "text_mention" => entity.user.as_ref().is_some_and(|user| user.id == me.id),
            _ => false,
        }
    };
    let answers_us = replied(message)
        .and_then(|replied| replied.from.as_ref())
        .is_some_and(|from| from.id == me.id);
    if answers_us || entities.iter().any(names_us) {
        Addressed::Mention
    } else {
        Addressed::No
    }
}

fn is_name_of(name: &str, me: &User) -> bool {
    me.username
        .as_deref()
        .is_some_and(|ours| ours.eq_ignore_ascii_case(name))
}

/// The text of an entity. Offsets that do not fit give nothing: they come from outside.
fn span(text: &str, entity: &Entity) -> String {
    let units = text.encode_utf16().skip(entity.offset).take(entity.length);
    char::decode_utf16(units).filter_map(Result::ok).collect()
}

/// The message that is answered. In a topic every message that answers none names the one that opened the topic.
fn replied(message: &Message) -> Option<&Message> {
    let replied = message.reply_to_message.as_deref()?;
    replied.forum_topic_created.is_none().then_some(replied)
}

fn quote(message: &Message) -> Option<Quote> {
    let replied = replied(message)?;
    let whole = || {
        let lines = files(replied).iter().map(IncomingFile::line).collect::<Vec<_>>();
        [text(replied)]
            .into_iter()
            .chain(lines)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    Some(Quote {
        sender_name: sender(replied).1,
        text: message.quote.as_ref().map_or_else(whole, |quote| quote.text.clone()),
    })
}

fn files(message: &Message) -> Vec<IncomingFile> {
    // Of a picture the largest size, which comes last. An animation is also given as a document.
    let picture = message
        .photo
        .last()
        .map(|file| (file, FileKind::Image, "photo.jpg", "image/jpeg"));
    let voice = message
        .voice
        .as_ref()
        .map(|file| (file, FileKind::Voice, "voice.ogg", "audio/ogg"));
    let audio = message
        .audio
        .as_ref()
        .map(|file| (file, FileKind::Audio, "audio.mp3", "audio/mpeg"));
    let moving = message
        .animation
        .as_ref()
        .or(message.video.as_ref())
        .or(message.video_note.as_ref());
    let video = moving.map(|file| (file, FileKind::Video, "video.mp4", "video/mp4"));
    let document = message.document.as_ref().filter(|_| message.animation.is_none());
    let document = document.map(|file| (file, FileKind::Document, "file", "application/octet-stream"));
    let all = [picture, voice, audio, video, document].into_iter().flatten();
    all.map(|(file, kind, name, media_type)| incoming(file, kind, name, media_type))
        .collect()
}

fn incoming(file: &File, kind: FileKind, name: &str, media_type: &str) -> IncomingFile {
    IncomingFile {
        name: file.file_name.clone().unwrap_or_else(|| name.to_owned()),
        media_type: file.mime_type.clone().unwrap_or_else(|| media_type.to_owned()),
        bytes: file.file_size,
        kind,
        reference: file.file_id.clone(),
    }
}
