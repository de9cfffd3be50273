//! What a platform says about a message after it has accepted it, where it says such things.

use serde::{Deserialize, Serialize};

use super::{Delivery, OutboxState};
use crate::ids::OutboxId;
use crate::time::Timestamp;

/// How far a message has come, on the platform's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// It left the platform.
    Sent,
    /// It will not arrive, although it had been accepted.
    Failed,
    /// It arrived.
    Delivered,
    /// Somebody read it.
    Read,
}

/// What is known of the message of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The delivery.
    pub delivery: OutboxId,
    /// The attempt whose message it is about.
    pub attempt: u32,
    /// How far it has come.
    pub state: ReceiptState,
    /// The platform's message id.
    pub platform_id: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// When, on the platform's clock.
    pub at: Timestamp,
}

impl Receipt {
    /// Whether this one says more than what was known. They come out of order and more than once: a later attempt counts
    /// more than an earlier one, and of one attempt what comes last in its life.
    pub fn supersedes(&self, known: Option<&Self>) -> bool {
        known.is_none_or(|known| (self.attempt, self.state) > (known.attempt, known.state))
    }
}

/// What follows from a receipt for the outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterReceipt {
    /// Nothing.
    Nothing,
    /// It cannot be said yet: the answer to this very attempt is not recorded. The platform must say it again.
    NotYet,
    /// A part is missing, and others are on their way: the row says so at its end.
    InDoubt,
    /// What may or may not have arrived has.
    Sent,
    /// What had been accepted did not arrive.
    Dead,
}

/// Decides what follows from a receipt.
pub fn decide_after_receipt(row: &Delivery, receipt: &Receipt) -> AfterReceipt {
    let is_newest = receipt.attempt == row.attempts;
    let failed = receipt.state == ReceiptState::Failed;
    match row.state {
        OutboxState::Sending if failed && is_newest => AfterReceipt::NotYet,
        OutboxState::Pending | OutboxState::Sending if failed => AfterReceipt::InDoubt,
        OutboxState::Sent | OutboxState::Uncertain if failed => AfterReceipt::Dead,
        OutboxState::Uncertain if is_newest && !row.in_doubt => AfterReceipt::Sent,
        OutboxState::Pending
        | OutboxState::Sending
        | OutboxState::Sent
        | OutboxState::Uncertain
        | OutboxState::Dead => AfterReceipt::Nothing,
    }
}
