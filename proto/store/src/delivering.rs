//! What an attempt to send changes in its row: the same in all engines.

use proto::outbound::{AfterSend, OutboxState};
use proto::time::Timestamp;

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
