//! What a notification means: messages of people as events, states of our messages as receipts. Pure.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent, IncomingFile, Quote};
use proto::outbound::{Receipt, ReceiptState};
use proto::time::Timestamp;

use super::message::AttemptId;
use super::notification::{Content, Location, Media, Message, Status, Value};
use super::recent::Said;
use super::{CHANNEL, chat_of};

/// How a message that was not seen here is quoted.
const EARLIER: &str = "an earlier message";

/// A person's message as an event, and what is remembered of it. None: it says nothing.
pub(super) fn event(
    account: &str,
    value: &Value,
    message: &Message,
    remembered: impl Fn(&str) -> Option<Said>,
) -> Option<(ChatSeen, InboundEvent)> {
    if message.from.is_empty() || message.id.is_empty() || message.group_id.is_some() {
        return None;
    }
    let name = value
        .contacts
        .iter()
        .find(|contact| contact.wa_id == message.from)
        .map(|contact| contact.profile.name.trim())
        .filter(|name| !name.is_empty());
    let heard = heard(&message.content, &remembered)?;
    let sent_at = seconds(&message.timestamp);
    let quoted = message.context.as_ref().and_then(|context| context.id.as_deref());
    let chat = chat_of(&message.from);
    let seen = ChatSeen {
        id: chat.clone(),
        channel: CHANNEL.to_owned(),
        account: account.to_owned(),
        name: name.map(str::to_owned),
        is_group_chat: Some(false),
        parent: None,
        seen_at: sent_at,
    };
    let event = InboundEvent {
        dedup_key: format!("{CHANNEL}:{account}:{}", message.id),
        chat,
        sender: message.from.clone(),
        sender_name: name.unwrap_or(&message.from).to_owned(),
        text: heard.text,
        sent_at,
        is_from_me: false,
        is_bot: false,
        // Nobody else is there; a reaction calls nobody.
        addressed: heard.addressed,
        kind: heard.kind,
        quote: heard
            .about
            .or(quoted.map(str::to_owned))
            .map(|id| quote(remembered(&id))),
        files: heard.files,
        trace: None,
    };
    Some((seen, event))
}

/// A state as a receipt, if the message is ours.
pub(super) fn receipt(status: &Status) -> Option<Receipt> {
    let attempt = AttemptId::decode(status.biz_opaque_callback_data.as_deref()?)?;
    let state = match status.status.as_str() {
        "sent" => ReceiptState::Sent,
        "delivered" => ReceiptState::Delivered,
        "read" | "played" => ReceiptState::Read,
        "failed" => ReceiptState::Failed,
        _ => return None,
    };
    let reason = status.errors.first().map(|error| {
        let details = &error.error_data.details;
        format!("WhatsApp says: {} (code {}): {details}", error.title, error.code)
    });
    Some(Receipt {
        delivery: attempt.delivery,
        attempt: attempt.attempt,
        state,
        platform_id: Some(status.id.clone()),
        reason,
        at: seconds(&status.timestamp),
    })
}

struct Heard {
    text: String,
    kind: EventKind,
    addressed: Addressed,
    files: Vec<IncomingFile>,
    /// The message it is about.
    about: Option<String>,
}

impl Heard {
    fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            kind: EventKind::Message,
            addressed: Addressed::Direct,
            files: Vec::new(),
            about: None,
        }
    }
}

fn heard(content: &Content, remembered: &impl Fn(&str) -> Option<Said>) -> Option<Heard> {
    if let Some(edit) = &content.edit {
        return Some(Heard {
            kind: EventKind::Edited,
            about: Some(edit.original_message_id.clone()),
            ..heard(&edit.message, remembered)?
        });
    }
    if let Some(revoke) = &content.revoke {
        let said = remembered(&revoke.original_message_id);
        return Some(Heard {
            kind: EventKind::Deleted,
            ..Heard::text(said.map_or_else(|| EARLIER.to_owned(), |said| said.text))
        });
    }
    if let Some(reaction) = &content.reaction {
        // Without an emoji it was taken back.
        let emoji = reaction.emoji.as_deref().filter(|emoji| !emoji.is_empty())?;
        return Some(Heard {
            addressed: Addressed::No,
            about: Some(reaction.message_id.clone()),
            ..Heard::text(format!("[reacted with {emoji}]"))
        });
    }
    if let Some(file) = file(content) {
        let caption = media(content).and_then(|(media, _)| media.caption.clone());
        return Some(Heard {
            files: vec![file],
            ..Heard::text(caption.unwrap_or_default())
        });
    }
    Some(Heard::text(words(content)))
}

fn words(content: &Content) -> String {
    let choice = |choice: &super::notification::Choice| choice.title.clone();
    let interactive = content.interactive.as_ref();
    None.or_else(|| content.text.as_ref().map(|text| text.body.clone()))
        .or_else(|| content.button.as_ref().map(|button| button.text.clone()))
        .or_else(|| interactive.and_then(|reply| reply.button_reply.as_ref().or(reply.list_reply.as_ref()).map(choice)))
        .or_else(|| content.location.as_ref().map(place))
        .or_else(|| {
            content
                .contacts
                .as_ref()
                .map(|cards| cards.iter().map(card).collect::<Vec<_>>().join("\n"))
        })
        .unwrap_or_else(|| "[a message of a kind that WhatsApp does not pass on]".to_owned())
}

fn place(location: &Location) -> String {
    let named = [location.name.as_deref(), location.address.as_deref()];
    let named: Vec<_> = named.into_iter().flatten().collect();
    let (latitude, longitude) = (location.latitude, location.longitude);
    match named[..] {
        [] => format!("[Location: {latitude}, {longitude}]"),
        _ => format!("[Location: {} ({latitude}, {longitude})]", named.join(", ")),
    }
}

fn card(card: &super::notification::Card) -> String {
    let phones: Vec<_> = card.phones.iter().map(|phone| phone.phone.as_str()).collect();
    format!("[Contact: {} {}]", card.name.formatted_name, phones.join(", "))
}

fn media(content: &Content) -> Option<(&Media, FileKind)> {
    let sound = content.audio.as_ref().map(|media| match media.voice {
        true => (media, FileKind::Voice),
        false => (media, FileKind::Audio),
    });
    let known = [
        content.image.as_ref().map(|media| (media, FileKind::Image)),
        sound,
        content.video.as_ref().map(|media| (media, FileKind::Video)),
        content.document.as_ref().map(|media| (media, FileKind::Document)),
        content.sticker.as_ref().map(|media| (media, FileKind::Sticker)),
    ];
    known.into_iter().flatten().next()
}

fn file(content: &Content) -> Option<IncomingFile> {
    let (media, kind) = media(content)?;
    let media_type = media.mime_type.split(';').next().unwrap_or_default().trim();
    let (stem, extension) = match (kind, media_type) {
        (FileKind::Image, "image/png") => ("image", "png"),
        (FileKind::Image, _) => ("image", "jpg"),
        (FileKind::Voice, _) => ("voice", "ogg"),
        (FileKind::Audio, "audio/mpeg") => ("audio", "mp3"),
        (FileKind::Audio, "audio/mp4") => ("audio", "m4a"),
        (FileKind::Audio, _) => ("audio", "ogg"),
        (FileKind::Video, _) => ("video", "mp4"),
        (FileKind::Sticker, _) => ("sticker", "webp"),
        (FileKind::Document, "application/pdf") => ("document", "pdf"),
        (FileKind::Document, _) => ("document", "bin"),
    };
    Some(IncomingFile {
        name: media.filename.clone().unwrap_or_else(|| format!("{stem}.{extension}")),
        media_type: media_type.to_owned(),
        bytes: None,
        kind,
        reference: media.id.clone(),
    })
}

fn quote(said: Option<Said>) -> Quote {
    let said = said.unwrap_or_else(|| Said::new("unknown", EARLIER));
    Quote {
        sender_name: said.by,
        text: said.text,
    }
}

fn seconds(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<i64>().unwrap_or(0).saturating_mul(1_000))
}
