//! From a message's text to a command.

use super::{Command, Pair, SessionCommand};
use crate::trigger::Trigger;

impl Command {
    /// The command that a text is, if it is one: exactly it, case and all, with or without the trigger before it (OP-01).
    pub fn parse(text: &str, trigger: &Trigger) -> Option<Self> {
        let text = trigger.strip(text).unwrap_or(text).trim();
        match text {
            "/new" => Some(Self::Session(SessionCommand::New)),
            "/compact" => Some(Self::Session(SessionCommand::Compact)),
            "/stop" => Some(Self::Stop),
            "/status" => Some(Self::Status),
            "/cost" => Some(Self::Cost),
            _ => pair(text).map(Self::Pair),
        }
    }
}

/// Whether a text in a chat without a group asks for pairing. There is no group whose trigger could be asked, so any name
/// may be called before the command: nothing but a code comes of it.
pub(super) fn ask_for_pairing(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["/pair"] => true,
        [called, "/pair"] => called.starts_with('@'),
        _ => false,
    }
}

fn pair(text: &str) -> Option<Pair> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["/pair"] => Some(Pair::Ask),
        ["/pair", "list"] => Some(Pair::List),
        ["/pair", "approve", code] => Some(Pair::Approve {
            code: (*code).to_owned(),
            group: None,
        }),
        ["/pair", "approve", code, group] => Some(Pair::Approve {
            code: (*code).to_owned(),
            group: Some((*group).to_owned()),
        }),
        ["/pair", "reject", code] => Some(Pair::Reject {
            code: (*code).to_owned(),
        }),
        _ => None,
    }
}
