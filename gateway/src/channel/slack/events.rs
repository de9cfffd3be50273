//! What happened, as the core wants to hear it. Pure: names were looked up before.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent, IncomingFile};
use proto::time::Timestamp;

use super::model::{File, Me, Message};
use super::place::{Place, message_id, sent_at};
use super::read::read_text;
use super::{ACCOUNT, CHANNEL};

/// A message, or what became of one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard<'m> {
    New(&'m Message),
    Edited { message: &'m Message, at: &'m str },
    Deleted { message: &'m Message, at: &'m str },
}

/// What an event is about; none, if nobody needs to know (SL-02: joins, topics, pins; a link that was looked at).
pub(super) fn heard(event: &Message) -> Option<Heard<'_>> {
    match event.subtype.as_deref() {
        None | Some("bot_message" | "file_share" | "thread_broadcast" | "me_message") => Some(Heard::New(event)),
        Some("message_changed") => {
            let (message, before) = (event.message.as_deref()?, event.previous_message.as_deref());
            // What is left of a message that others have answered.
            if message.subtype.as_deref() == Some("tombstone") {
                let message = before.unwrap_or(message);
                return Some(Heard::Deleted { message, at: &event.ts });
            }
            let is_same = before.is_some_and(|before| before.text == message.text && before.files == message.files);
            let at = message
                .edited
                .as_ref()
                .map_or(event.ts.as_str(), |edited| edited.ts.as_str());
            (!is_same).then_some(Heard::Edited { message, at })
        }
        Some("message_deleted") => {
            let message = event.previous_message.as_deref()?;
            Some(Heard::Deleted { message, at: &event.ts })
        }
        Some(_) => None,
    }
}

impl<'m> Heard<'m> {
    pub(super) fn message(self) -> &'m Message {
        match self {
            Self::New(message) | Self::Edited { message, .. } | Self::Deleted { message, .. } => message,
        }
    }
}

/// Whether we wrote it: other bots are people like any other (SL-04 took them for us).
pub(super) fn is_own(message: &Message, me: &Me) -> bool {
    message.user.as_ref() == Some(&me.user_id) || (message.bot_id.is_some() && message.bot_id == me.bot_id)
}

/// Makes events of what is heard.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) me: &'a Me,
    pub(super) answer_in_threads: bool,
}

/// Names that were looked up.
pub(super) struct Looked {
    pub(super) sender: String,
    pub(super) channel: Option<String>,
}

impl Reader<'_> {
    /// The event; none, if there is nothing in it to read.
    pub(super) fn event(
        self,
        heard: Heard<'_>,
        channel: &str,
        names: Looked,
        now: Timestamp,
    ) -> Option<(ChatSeen, InboundEvent)> {
        let message = heard.message();
        let addressed = self.addressed(message, channel);
        let read = read_text(&message.text);
        let command = self.command(&read);
        // A command is about the chat it is given in: the code that one is paired by belongs there, too.
        let opens = addressed == Addressed::Mention && command.is_none();
        let place = self.place(message, channel, opens);
        let (kind, suffix, at) = match heard {
            Heard::New(_) => (EventKind::Message, String::new(), message.ts.as_str()),
            Heard::Edited { at, .. } => (EventKind::Edited, format!("/edited/{at}"), at),
            Heard::Deleted { at, .. } => (EventKind::Deleted, "/deleted".to_owned(), at),
        };
        let files: Vec<IncomingFile> = match kind {
            EventKind::Message => message.files.iter().filter_map(incoming).collect(),
            EventKind::Edited | EventKind::Deleted => Vec::new(),
        };
        let text = command.unwrap_or(&read).to_owned();
        if message.ts.is_empty() || (text.trim().is_empty() && files.is_empty()) {
            return None;
        }
        let seen = ChatSeen {
            id: place.id(),
            channel: CHANNEL.to_owned(),
            account: ACCOUNT.to_owned(),
            name: names.channel.map(|name| {
                if place.thread.is_some() {
                    format!("{name} (thread)")
                } else {
                    name
                }
            }),
            is_group_chat: Some(!place.is_direct()),
            parent: place.parent(),
            seen_at: now,
        };
        let event = InboundEvent {
            dedup_key: format!("{CHANNEL}:{ACCOUNT}:{}{suffix}", message_id(channel, &message.ts)),
            chat: place.id(),
            sender: sender(message).to_owned(),
            sender_name: names.sender,
            text,
            sent_at: sent_at(at).unwrap_or(now),
            is_from_me: false,
            is_bot: is_own(message, self.me),
            addressed,
            kind,
            quote: None,
            files,
            trace: None,
        };
        Some((seen, event))
    }

    /// What begins with `/` behind a mention of us: Slack's composer takes what begins with `/` itself for its own.
    fn command(self, text: &str) -> Option<&str> {
        let rest = text.trim_start().strip_prefix(&format!("<@{}>", self.me.user_id))?;
        Some(rest.trim_start()).filter(|rest| rest.starts_with('/'))
    }

    /// SL-06: the mention stays in the text, the core puts the trigger in front of it.
    fn addressed(self, message: &Message, channel: &str) -> Addressed {
        if message.text.contains(&format!("<@{}>", self.me.user_id)) {
            Addressed::Mention
        } else if Place::channel(channel).is_direct() {
            Addressed::Direct
        } else {
            Addressed::No
        }
    }

    /// SL-08 flattened threads; here an answer in a thread is in the thread. The first message of one is in the channel.
    fn place(self, message: &Message, channel: &str, opens: bool) -> Place {
        let place = Place::channel(channel);
        let opens = opens && self.answer_in_threads && !place.is_direct();
        let thread = match &message.thread_ts {
            Some(thread) if *thread != message.ts => Some(thread.clone()),
            _ => opens.then(|| message.ts.clone()),
        };
        Place { thread, ..place }
    }
}

/// SL-07: the user, else the bot.
pub(super) fn sender(message: &Message) -> &str {
    message
        .user
        .as_deref()
        .or(message.bot_id.as_deref())
        .unwrap_or("unknown")
}

fn incoming(file: &File) -> Option<IncomingFile> {
    // Of a file that was deleted, or that the plan hides, only its id is left; an external one is a link in the text.
    let is_there = !matches!(file.mode.as_deref(), Some("tombstone" | "hidden_by_limit" | "external"));
    let reference = file.url_private_download.as_ref().or(file.url_private.as_ref())?;
    let media_type = file
        .mimetype
        .clone()
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let kind = match media_type.split('/').next() {
        _ if file.subtype.as_deref() == Some("slack_audio") => FileKind::Voice,
        Some("image") => FileKind::Image,
        Some("audio") => FileKind::Audio,
        Some("video") => FileKind::Video,
        _ => FileKind::Document,
    };
    is_there.then(|| IncomingFile {
        name: file
            .name
            .clone()
            .or_else(|| file.title.clone())
            .unwrap_or_else(|| file.id.clone()),
        media_type,
        bytes: file.size,
        kind,
        reference: reference.clone(),
    })
}
