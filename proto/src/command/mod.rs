//! Commands: what people say to the assistant's host instead of the assistant.
//!
//! A message that is exactly a command, behind the trigger or without it, is one (OP-01). [`Command::parse`] recognises them,
//! [`decide`] says whether the sender may. Who carries one out depends on what it needs: [`SessionCommand`]s travel in the
//! envelope, in order with the messages, each as a turn of its own; the others are carried out by the gateway at once.

mod pairing;
mod words;

use serde::{Deserialize, Serialize};

use crate::group::{Chat, Group};
use crate::inbound::{Addressed, EventKind, InboundEvent, needs_trigger};
use crate::sender_allowlist::{Mode, SenderAllowlist};
use crate::trigger::Trigger;

pub use pairing::{InvalidPairCode, PAIRING_LASTS, PAIRINGS_OPEN_MAX, PairCode, Pairing};

/// What somebody is told who may talk to the assistant, but not command it (OP-01).
pub const ADMINS_ONLY: &str = "Session commands require admin access.";

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Something with the group's conversation.
    Session(SessionCommand),
    /// End the running turn at once.
    Stop,
    /// How the group is doing.
    Status,
    /// What the group has used.
    Cost,
    /// Bring chats to groups.
    Pair(Pair),
}

/// A command that is a turn of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionCommand {
    /// Begin a new conversation.
    New,
    /// Have the agent make its conversation shorter.
    Compact,
}

/// What is to be done about pairing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pair {
    /// Pair this chat.
    Ask,
    /// Show who asks.
    List,
    /// Bring the chat with this code to a group: the one named, else the one that is spoken in.
    Approve {
        /// The code.
        code: String,
        /// Name of the group.
        group: Option<String>,
    },
    /// Do not.
    Reject {
        /// The code.
        code: String,
    },
}

impl SessionCommand {
    /// The word, which is also the prompt.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "/new",
            Self::Compact => "/compact",
        }
    }

    /// What the chat is told once it is done.
    pub fn done(self) -> &'static str {
        match self {
            Self::New => "I have begun a new conversation.",
            Self::Compact => "I have made our conversation shorter.",
        }
    }
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Allowed,
    /// It is not, and the chat is told [`ADMINS_ONLY`].
    Refused,
    /// It is not, and nobody is told: this sender could not talk to the assistant either.
    Ignored,
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker<'a> {
    /// Channel of the chat.
    pub channel: &'a str,
    /// The platform's id of the sender.
    pub sender: &'a str,
    /// The account's own human owner.
    pub is_from_me: bool,
    /// Whether the sender allowlist lets them speak.
    pub is_allowed: bool,
    /// Whether the message had the trigger, or the platform says that the assistant is meant.
    pub called: bool,
}

/// Decides whether a command of a session is carried out (OP-01): in main for anybody, elsewhere for the owner of the account
/// and for those whom the settings name as `<channel>:<user id>`.
pub fn decide(group: &Group, speaker: &Speaker<'_>, admins: &[String]) -> Verdict {
    let named = |admin: &String| {
        let parts = admin.split_once(':');
        parts.is_some_and(|(channel, sender)| (channel, sender) == (speaker.channel, speaker.sender))
    };
    if !speaker.is_allowed && !speaker.is_from_me {
        Verdict::Ignored
    } else if group.is_main || speaker.is_from_me || admins.iter().any(named) {
        Verdict::Allowed
    } else if speaker.called || !needs_trigger(group) {
        Verdict::Refused
    } else {
        Verdict::Ignored
    }
}

/// The command that an event from a chat of a group is, if it is one, and what becomes of it.
pub fn understand(
    event: &InboundEvent,
    chat: &Chat,
    group: &Group,
    allowlist: &SenderAllowlist,
    assistant_name: &str,
    admins: &[String],
) -> Option<(Command, Verdict)> {
    if event.is_bot || event.kind != EventKind::Message || !event.files.is_empty() {
        return None;
    }
    let trigger = Trigger::of_group(group, assistant_name);
    let command = Command::parse(&event.text, &trigger)?;
    let speaker = Speaker {
        channel: &chat.channel,
        sender: &event.sender,
        is_from_me: event.is_from_me,
        is_allowed: allowlist.rule_for(&chat.id).allows(&event.sender),
        called: trigger.matches(&event.text) || event.addressed != Addressed::No,
    };
    let verdict = match (&command, decide(group, &speaker, admins)) {
        // Other chats are main's business.
        (Command::Pair(Pair::List | Pair::Approve { .. } | Pair::Reject { .. }), Verdict::Allowed)
            if !group.is_main =>
        {
            Verdict::Refused
        }
        (_, verdict) => verdict,
    };
    Some((command, verdict))
}

/// Whether somebody in a chat without a group asks for it to be paired: by saying so, or by writing to the assistant alone.
pub fn asks_for_pairing(event: &InboundEvent, chat: &Chat, allowlist: &SenderAllowlist) -> bool {
    let rule = allowlist.rule_for(&chat.id);
    let may_speak = event.is_from_me || rule.mode != Mode::Drop || rule.allows(&event.sender);
    let asks = words::ask_for_pairing(&event.text) || event.addressed == Addressed::Direct;
    may_speak && asks && !event.is_bot && event.kind == EventKind::Message
}

#[cfg(test)]
mod tests;
