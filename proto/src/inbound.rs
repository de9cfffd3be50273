//! How a platform's event becomes an inbox row: the envelope, and the decision what to do with it.

mod details;
mod received;

use serde::{Deserialize, Serialize};

use crate::group::{Chat, Group};
use crate::ids::{ChatId, GroupId, InboxOrd};
use crate::sender_allowlist::{Mode, SenderAllowlist};
use crate::task::FiringRef;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::trigger::Trigger;

pub use details::{Addressed, Details, EventKind, FileKind, IncomingFile, Quote};
pub use received::{ATTACHMENTS, ReceivedFile, picture_type, plain_name};

/// Longest text of one inbound message, in bytes. Platforms stop at 4 000 to 65 536 characters; more is an attachment.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// An event as the adapter normalised it, before anything was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundEvent {
    /// `<channel>:<account>:<platform id>`: the same event always has the same key.
    pub dedup_key: String,
    /// Chat it happened in.
    pub chat: ChatId,
    /// The platform's id of the sender.
    pub sender: String,
    /// Display name of the sender.
    pub sender_name: String,
    /// The text.
    pub text: String,
    /// When the platform says it was sent.
    pub sent_at: Timestamp,
    /// Written by the account's own human owner.
    pub is_from_me: bool,
    /// Written by this assistant itself.
    pub is_bot: bool,
    /// Whether the platform itself says that the assistant is meant.
    pub addressed: Addressed,
    /// Whether it is new, or what became of one that was.
    pub kind: EventKind,
    /// The message it answers.
    pub quote: Option<Quote>,
    /// Files that came with it, still on the platform.
    pub files: Vec<IncomingFile>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
}

/// What travels to the inbox of a group: an event and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Deduplicates for ever: `<channel>:<account>:<platform id>`.
    pub dedup_key: String,
    /// Group whose inbox it goes to.
    pub group: GroupId,
    /// Chat it came from, and to which the answer goes.
    pub chat: ChatId,
    /// The platform's id of the sender.
    pub sender: String,
    /// Display name of the sender.
    pub sender_name: String,
    /// The text.
    pub text: String,
    /// When the platform says it was sent.
    pub sent_at: Timestamp,
    /// Whether it calls the agent; if not it is context for a later turn.
    pub engages: bool,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// For a firing of a task: which one. Only the store puts one here; what comes from a platform has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<FiringRef>,
    /// What came beside the text.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

impl Envelope {
    /// The platform's id of the message: the last part of the dedup key.
    pub fn platform_id(&self) -> &str {
        self.dedup_key.splitn(3, ':').last().unwrap_or_default()
    }

    /// The platform's id of the message, where one can react to messages: the agent is shown it.
    pub fn reaction_id(&self) -> Option<&str> {
        let (channel, _) = self.dedup_key.split_once(':')?;
        let known = matches!(channel, "telegram" | "slack" | "discord" | "whatsapp");
        known.then(|| self.platform_id()).filter(|id| !id.is_empty())
    }
}

/// A row of a group's inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Position in the inbox.
    pub ord: InboxOrd,
    /// What arrived.
    #[serde(flatten)]
    pub envelope: Envelope,
}

/// What to do with an inbound event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Put it into the inbox.
    Accept(Box<Envelope>),
    /// The chat belongs to no group: keep its metadata only (CH-09).
    Unregistered,
    /// The sender allowlist drops it (CH-10).
    Dropped,
    /// An own message of the assistant: never goes back to the agent.
    Own,
}

/// Why an event cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// No text at all.
    #[error("the message has no text: send a non-empty \"text\"")]
    Empty,
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("the message has {bytes} bytes of text, more than the limit of {max}: send it in parts or as a file", max = TEXT_BYTES_MAX)]
    TooLong {
        /// Size given.
        bytes: usize,
    },
}

/// Decides what to do with an event from a chat (ML-05…08, CH-09, CH-10, SA-05).
///
/// `group` is the group the chat is registered to. `assistant_name` gives the default trigger.
///
/// # Errors
/// [`InvalidEvent`] when the text is empty or too long; the adapter tells its sender.
pub fn decide_intake(
    event: InboundEvent,
    chat: &Chat,
    group: Option<&Group>,
    allowlist: &SenderAllowlist,
    assistant_name: &str,
) -> Result<Intake, InvalidEvent> {
    if event.is_bot {
        return Ok(Intake::Own);
    }
    if event.text.trim().is_empty() && event.files.is_empty() {
        return Err(InvalidEvent::Empty);
    }
    if event.text.len() > TEXT_BYTES_MAX {
        return Err(InvalidEvent::TooLong {
            bytes: event.text.len(),
        });
    }
    let Some(group) = group else {
        return Ok(Intake::Unregistered);
    };
    let rule = allowlist.rule_for(&chat.id);
    let sender_allowed = event.is_from_me || rule.allows(&event.sender);
    if rule.mode == Mode::Drop && !sender_allowed {
        return Ok(Intake::Dropped);
    }
    let trigger = Trigger::of_group(group, assistant_name);
    let has_trigger = trigger.matches(&event.text);
    let called = !needs_trigger(group) || has_trigger || event.addressed != Addressed::No;
    // SA-D1 does not exist here: the allowlist also holds where no trigger is needed. What was changed or taken back is
    // context: who wants another answer asks again.
    let engages = sender_allowed && called && event.kind == EventKind::Message;
    let text = match event.addressed {
        // TG-05, SL-06, DC-04: whatever the platform calls us, the agent reads its own name.
        Addressed::Mention if !has_trigger => format!("{} {}", trigger.as_str(), event.text),
        Addressed::Mention | Addressed::Direct | Addressed::No => event.text,
    };
    Ok(Intake::Accept(Box::new(Envelope {
        dedup_key: event.dedup_key,
        group: group.id.clone(),
        chat: event.chat,
        sender: event.sender,
        sender_name: event.sender_name,
        text: event.kind.mark(text),
        sent_at: event.sent_at,
        engages,
        trace: event.trace,
        task: None,
        details: Details {
            quote: event.quote,
            ..Details::default()
        },
    })))
}

/// Whether messages of this group must start with a trigger (ML-05).
pub fn needs_trigger(group: &Group) -> bool {
    !group.is_main && group.settings.requires_trigger.unwrap_or(true)
}

#[cfg(test)]
mod tests;
