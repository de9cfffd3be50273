//! Pairing: what every engine checks, says and writes down alike.

use proto::command::{PairCode, Pairing};
use proto::group::Chat;
use proto::ids::{ChatId, GroupId};
use proto::outbound::Reply;
use proto::time::Timestamp;

use crate::{Error, Result};

/// What became of a chat that asked to be paired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It shows this code now.
    Now(PairCode),
    /// It showed this code before, which still holds; nothing is said again.
    Before(PairCode),
    /// Too many are asking; nothing is said.
    TooMany,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: a person of a channel as `<channel>:<user id>`, or `operator`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More, as JSON.
    pub detail: String,
}

pub(crate) fn require_unregistered(chat: &Chat) -> Result<()> {
    match &chat.group {
        None => Ok(()),
        Some(group) => Err(registered(&chat.id, group)),
    }
}

pub(crate) fn registered(chat: &ChatId, group: &GroupId) -> Error {
    Error::Conflict(format!("chat {chat} belongs to group {group} already"))
}

pub(crate) fn no_main() -> Error {
    Error::Conflict("there is no main group, in whose name a pairing code could be shown".to_owned())
}

pub(crate) fn not_found(code: &PairCode) -> Error {
    Error::NotFound {
        what: "pairing code",
        id: code.to_string(),
    }
}

/// What the chat is shown.
pub(crate) fn notice(chat: &ChatId, code: &PairCode) -> Reply {
    Reply {
        key: format!("pair:{code}:{chat}"),
        chat: chat.clone(),
        text: format!(
            "To talk to me here, have the operator approve this chat within an hour: clawhold pair approve {code}"
        ),
        sender: None,
        extra: None,
    }
}

pub(crate) fn act(chat: &ChatId, group: Option<&GroupId>, by: &str, now: Timestamp) -> AuditEntry {
    AuditEntry {
        at: now,
        actor: by.to_owned(),
        action: if group.is_some() { "pair.approve" } else { "pair.reject" }.to_owned(),
        subject: chat.to_string(),
        detail: serde_json::json!({ "group": group }).to_string(),
    }
}

/// Those that may still be used, the one that asked first first.
pub(crate) fn open<'p>(pairings: impl Iterator<Item = &'p Pairing>, now: Timestamp) -> Vec<Pairing> {
    let mut open: Vec<Pairing> = pairings.filter(|pairing| pairing.is_open(now)).cloned().collect();
    open.sort_by(|one, two| (one.asked_at, &one.code).cmp(&(two.asked_at, &two.code)));
    open
}
