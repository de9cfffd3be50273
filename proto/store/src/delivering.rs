//! What an attempt to send changes in its row: the same in all engines.

use proto::outbound::{AfterReceipt, AfterSend, Delivery, OutboxState, Receipt, ReceiptState};
use proto::time::Timestamp;

use crate::Noted;

/// The change of a row that was being sent.
#[derive(Debug)]
pub(crate) struct Finish<'a> {
    pub(crate) state: OutboxState,
    pub(crate) platform_id: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// None: as it was.
    pub(crate) not_before: Option<Timestamp>,
    /// Something was sent: failures are counted from here.
    pub(crate) progressed: bool,
    /// What is added to the failures in a row.
    pub(crate) failed: u32,
    /// None: as it was.
    pub(crate) sent_through: Option<u32>,
    pub(crate) in_doubt: bool,
}

impl<'a> Finish<'a> {
    pub(crate) fn of(after: &'a AfterSend) -> Self {
        let done = |state, platform_id, error| Self {
            state,
            platform_id,
            error,
            not_before: None,
            progressed: false,
            failed: 0,
            sent_through: None,
            in_doubt: false,
        };
        match after {
            AfterSend::Sent { platform_id } => done(OutboxState::Sent, platform_id.as_deref(), None),
            AfterSend::Uncertain { reason } => done(OutboxState::Uncertain, None, Some(reason)),
            AfterSend::Dead { reason } => done(OutboxState::Dead, None, Some(reason)),
            AfterSend::Part { through, in_doubt } => Self {
                progressed: true,
                sent_through: Some(*through),
                in_doubt: *in_doubt,
                ..done(OutboxState::Pending, None, None)
            },
            AfterSend::Retry {
                reason,
                not_before,
                counts,
            } => Self {
                not_before: Some(*not_before),
                failed: u32::from(*counts),
                ..done(OutboxState::Pending, None, Some(reason))
            },
        }
    }
}

/// The state of a row after a receipt; none: as it was.
pub(crate) fn state_after(after: AfterReceipt) -> Option<OutboxState> {
    match after {
        AfterReceipt::Sent => Some(OutboxState::Sent),
        AfterReceipt::Dead => Some(OutboxState::Dead),
        AfterReceipt::Nothing | AfterReceipt::NotYet | AfterReceipt::InDoubt => None,
    }
}

/// What is said of a receipt whose consequence was recorded; `row` as it is now.
pub(crate) fn noted(after: AfterReceipt, row: Delivery) -> Noted {
    match after {
        AfterReceipt::Sent => Noted::Arrived(Box::new(row)),
        AfterReceipt::Dead => Noted::Failed(Box::new(row)),
        AfterReceipt::NotYet => Noted::NotYet,
        AfterReceipt::Nothing | AfterReceipt::InDoubt => Noted::Kept,
    }
}

/// What is said of a receipt that says no more than what was known. That a message failed is said again: whoever heard it the
/// first time may have died before it could tell anybody.
pub(crate) fn noted_before(row: Delivery, receipt: &Receipt, known: Option<&Receipt>) -> Noted {
    let failed = receipt.state == ReceiptState::Failed && row.state == OutboxState::Dead;
    if failed && known == Some(receipt) {
        Noted::Failed(Box::new(row))
    } else {
        Noted::Kept
    }
}
