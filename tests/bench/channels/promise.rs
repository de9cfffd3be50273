//! What a channel promises of its messages, and whether it was kept.

use gateway::config::WhenUnsure;

use super::count::Count;

/// Largest share of messages of which nobody knows afterwards, where the platform can be asked.
const UNCERTAIN_SHARE_MAX: f64 = 0.001;

/// What becomes of a message whose answer was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promise {
    /// It arrives once.
    Exact,
    /// It arrives once, but for a very small share of all messages.
    Reconciled,
    /// It arrives once at most; of the others it is said that they may not have.
    AtMostOnce,
    /// It arrives once at least.
    AtLeastOnce,
}

impl From<WhenUnsure> for Promise {
    fn from(resend: WhenUnsure) -> Self {
        match resend {
            WhenUnsure::Never => Self::AtMostOnce,
            WhenUnsure::Always => Self::AtLeastOnce,
        }
    }
}

impl Promise {
    /// As the output says it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Exact => "0 lost, 0 doubled, 0 uncertain",
            Self::Reconciled => "0 lost, 0 doubled, at most 0.1 % uncertain",
            Self::AtMostOnce => "0 lost unsaid, 0 doubled",
            Self::AtLeastOnce => "0 lost, 0 uncertain",
        }
    }

    /// What was not kept; empty when all was.
    pub(super) fn broken(self, count: &Count) -> Vec<String> {
        let none_doubled = !matches!(self, Self::AtLeastOnce);
        let uncertain_max = match self {
            Self::Exact | Self::AtLeastOnce => Some(0),
            Self::Reconciled => Some((count.rows as f64 * UNCERTAIN_SHARE_MAX) as u64),
            Self::AtMostOnce => None,
        };
        let checks = [
            ("lost", count.lost, Some(0)),
            ("doubled", count.doubled, none_doubled.then_some(0)),
            ("left uncertain", count.uncertain, uncertain_max),
            ("given up", count.dead, Some(0)),
            ("out of order", count.disordered, Some(0)),
            ("not sent in time", count.unsent, Some(0)),
        ];
        let broken = checks
            .into_iter()
            .filter(|(_, is, max)| max.is_some_and(|max| *is > max));
        broken.map(|(what, is, _)| format!("{is} messages {what}")).collect()
    }
}
