//! How an answer leaves: what of it is said at all (F-08), the life of an outbox row, and the parts it is sent in.

mod after_send;
mod extra;
mod part;
mod receipt;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, GroupId, OutboxId, TurnId};
use crate::time::Timestamp;

pub use after_send::{
    AfterSend, SEND_ATTEMPTS_MAX, SEND_BACKOFF, SEND_BACKOFF_MAX, decide_after_interruption, decide_after_send,
};
pub use extra::{Attachment, Extra};
pub use part::{Limits, Part, TextUnit, next_part};
pub use receipt::{AfterReceipt, Receipt, ReceiptState, decide_after_receipt};

/// Removes every closed `<internal>…</internal>` and surrounding blanks (F-08); `None` when nothing is left to say.
pub fn strip_internal(text: &str) -> Option<String> {
    const OPEN: &str = "<internal>";
    const CLOSE: &str = "</internal>";
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let Some(length) = rest[start..].find(CLOSE) else { break };
        said.push_str(&rest[..start]);
        rest = &rest[start + length + CLOSE.len()..];
    }
    said.push_str(rest);
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

/// Something to say, before it is an outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Unique within the turn: `final`, `extra:<n>`, `notice`, or the id of the tool use that sent it.
    pub key: String,
    /// Chat to say it in.
    pub chat: ChatId,
    /// Text to say.
    pub text: String,
    /// Role name the agent wants to speak as, where the channel knows such (IPC-04).
    pub sender: Option<String>,
    /// What is sent beside or instead of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Extra>,
}

/// State of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Waits to be sent.
    Pending,
    /// An attempt was charged; it may have left.
    Sending,
    /// The platform has it.
    Sent,
    /// It may or may not have arrived, and the channel cannot tell.
    Uncertain,
    /// Given up.
    Dead,
}

impl OutboxState {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Sending, Self::Sent, Self::Uncertain, Self::Dead]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// An outbox row as its channel sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Identity; also the idempotency key towards the platform.
    pub id: OutboxId,
    /// Chat to say it in.
    pub chat: ChatId,
    /// Channel of that chat.
    pub channel: String,
    /// Account of that chat.
    pub account: String,
    /// Group that speaks.
    pub group: GroupId,
    /// Turn it belongs to; none for a notice of the system.
    pub turn: Option<TurnId>,
    /// Position in its chat: deliveries of one chat are sent in this order.
    pub seq: i64,
    /// Text to say.
    pub text: String,
    /// Role name the agent wants to speak as.
    pub sender: Option<String>,
    /// What is sent beside or instead of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Extra>,
    /// State.
    pub state: OutboxState,
    /// Attempts charged so far: the number of the newest one.
    pub attempts: u32,
    /// Of these, attempts in a row that brought nothing.
    pub failures: u32,
    /// Bytes of the text that were sent in earlier parts.
    pub sent_through: u32,
    /// One of these parts may not have arrived.
    pub in_doubt: bool,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What became of one attempt to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The platform has it under this id.
    Sent {
        /// The platform's message id, where it has one.
        platform_id: Option<String>,
    },
    /// It surely did not leave or was refused for now (DNS, refused connection, 429, nobody there).
    NotSent {
        /// Why.
        reason: String,
        /// When the platform wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It left, and no answer came.
    Uncertain {
        /// Why.
        reason: String,
    },
    /// The platform will never take it.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It was refused for a reason that holds for the whole account (a revoked token, a limit of all its chats): nothing
    /// of this account can leave for now.
    AccountDown {
        /// Why.
        reason: String,
        /// When the platform wants to be asked again.
        retry_after: Option<Duration>,
    },
}

/// What a platform knows of a message that may have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// It is there, under this id.
    Arrived {
        /// The platform's message id, where it has one.
        platform_id: Option<String>,
    },
    /// It surely is not there and will not come any more.
    NotArrived,
    /// This cannot be known yet.
    AskLater(Duration),
    /// The platform cannot tell.
    CannotTell,
}

/// What a channel says about sending the same thing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The receiver deduplicates by our id: send again.
    Harmless,
    /// Somebody would see it twice: leave it uncertain.
    Never,
}
