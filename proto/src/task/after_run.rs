//! What the end of a run means for its task.

use super::RunOutcome;

/// Failures in a row after which a task is paused, unless it says otherwise: a task that fails for ever costs tokens for ever
/// (SC-12). Each run has had its own retries before it counts as one failure here.
pub const FAILURES_IN_ROW_MAX: u32 = 5;

/// What becomes of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRun {
    /// It goes on; so many failures in a row now.
    GoOn {
        /// To be stored.
        failures_in_row: u32,
    },
    /// It is paused, and the chat is told.
    Pause {
        /// To be stored and told.
        failures_in_row: u32,
    },
}

/// Decides after a run of a task that had failed `failures_in_row` times before. `pause_after` is the task's own limit; zero
/// means it is never paused.
pub fn decide_after_run(failures_in_row: u32, outcome: RunOutcome, pause_after: u32) -> AfterRun {
    let failures_in_row = match outcome {
        RunOutcome::Answered | RunOutcome::Silent | RunOutcome::NotWoken => 0,
        RunOutcome::Failed => failures_in_row.saturating_add(1),
        // Says nothing about whether the task works.
        RunOutcome::Skipped | RunOutcome::Missed | RunOutcome::Cancelled => failures_in_row,
    };
    if outcome == RunOutcome::Failed && pause_after > 0 && failures_in_row >= pause_after {
        AfterRun::Pause { failures_in_row }
    } else {
        AfterRun::GoOn { failures_in_row }
    }
}

/// What is added to the words about the failure that paused a task.
pub fn paused_note(failures_in_row: u32) -> String {
    let times = match failures_in_row {
        1 => "once".to_owned(),
        more => format!("{more} times in a row"),
    };
    format!(" It failed {times} and is paused now; resume it once the reason is gone.")
}
