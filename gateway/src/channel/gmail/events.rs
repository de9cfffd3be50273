//! A mail as the gateway takes it: in its thread's chat, or in main's (GM-05).

use proto::group::{Chat, ChatSeen};
use proto::ids::ChatId;
use proto::inbound::{Addressed, EventKind, InboundEvent};
use proto::time::Timestamp;

use super::mail::Mail;
use super::model::Message;
use super::{ACCOUNT, CHANNEL};

/// Labels under which nothing is taken.
const NEVER: [&str; 4] = ["SENT", "DRAFT", "SPAM", "TRASH"];
/// The categories beside "primary". A mailbox without categories has none of them.
const OTHER_CATEGORIES: [&str; 4] = [
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// Whether a mail with these labels is taken at all (GM-02); `taken` is our own label.
pub(super) fn is_wanted(labels: &[String], taken: &str, only_primary: bool) -> bool {
    let has = |label: &str| labels.iter().any(|known| known == label);
    let is_unwanted = has(taken) || NEVER.iter().any(|label| has(label));
    let is_elsewhere = only_primary && OTHER_CATEGORIES.iter().any(|label| has(label));
    has("INBOX") && !is_unwanted && !is_elsewhere
}

/// The chat that a thread is.
pub(super) fn thread_seen(message: &Message, mail: &Mail, seen_at: Timestamp) -> ChatSeen {
    ChatSeen {
        id: ChatId::new(format!("{CHANNEL}:{}", message.thread_id)),
        channel: CHANNEL.to_owned(),
        account: ACCOUNT.to_owned(),
        name: Some(mail.subject.clone()),
        is_group_chat: Some(false),
        parent: None,
        seen_at,
    }
}

/// Main's chat, of which nothing new is known.
pub(super) fn main_seen(main: &Chat, seen_at: Timestamp) -> ChatSeen {
    ChatSeen {
        id: main.id.clone(),
        channel: main.channel.clone(),
        account: main.account.clone(),
        name: None,
        is_group_chat: None,
        parent: main.parent.clone(),
        seen_at,
    }
}

/// When Gmail received it; `now` where it does not say.
pub(super) fn received_at(message: &Message, now: Timestamp) -> Timestamp {
    message.internal_date.parse().map_or(now, Timestamp::from_millis)
}

/// Where a mail is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'c> {
    /// In main's chat, named as a mail: what a stranger writes there is never a command.
    Main(&'c ChatId),
    /// In its thread's chat.
    Thread {
        /// The chat.
        chat: &'c ChatId,
        /// Whether threads join a group by themselves.
        joins: bool,
    },
}

/// The mail, as it is said there.
pub(super) fn event(message: &Message, mail: Mail, place: Place<'_>, now: Timestamp) -> InboundEvent {
    let (chat, text, addressed) = match place {
        Place::Main(chat) => {
            let head = format!(
                "[Email from {} <{}>]\nSubject: {}",
                mail.name, mail.address, mail.subject
            );
            (chat, format!("{head}\n\n{}", mail.text), Addressed::Direct)
        }
        Place::Thread { chat, joins } => {
            // A command is nothing but itself.
            let text = match mail.text.starts_with('/') {
                true => mail.text,
                false => format!("Subject: {}\n\n{}", mail.subject, mail.text),
            };
            // Not `Direct`, where nobody asked for threads to be heard: a stranger must not be mailed a code to pair with.
            let addressed = if joins { Addressed::Direct } else { Addressed::Mention };
            (chat, text, addressed)
        }
    };
    InboundEvent {
        dedup_key: format!("{CHANNEL}:{ACCOUNT}:{}", message.id),
        chat: chat.clone(),
        sender: mail.address,
        sender_name: mail.name,
        text: text.trim_end().to_owned(),
        sent_at: received_at(message, now),
        is_from_me: false,
        is_bot: false,
        addressed,
        kind: EventKind::Message,
        quote: None,
        files: mail.files,
        trace: None,
    }
}
