//! Whether a firing is taken up while earlier ones of the same task are unfinished.

use serde::{Deserialize, Serialize};

/// Most unfinished firings of one task. A task that is due more often than it finishes would otherwise fill its group's inbox
/// without end; a hundred leave room for `misfire = all` after an outage.
pub const UNFINISHED_MAX: u32 = 100;

/// Overlap policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Wait for the earlier ones: a group runs one turn at a time, in order.
    #[default]
    Queue,
    /// Leave this one out.
    Skip,
}

impl Overlap {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Skip => "skip",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Queue, Self::Skip]
            .into_iter()
            .find(|policy| policy.as_str() == word)
    }
}

/// What becomes of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It becomes work for the group.
    Admitted,
    /// It is recorded as skipped.
    Skipped,
}

/// Decides about one firing of a task with `unfinished` earlier firings: admitted, and neither finished nor given up. In a pass
/// that fires several, each one admitted is unfinished for those after it.
pub fn decide_overlap(policy: Overlap, unfinished: u32) -> Admission {
    let limit = match policy {
        Overlap::Queue => UNFINISHED_MAX,
        Overlap::Skip => 1,
    };
    if unfinished < limit {
        Admission::Admitted
    } else {
        Admission::Skipped
    }
}
