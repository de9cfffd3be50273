//! A task: a schedule that creates work for a group; a firing: one due instant of it.
//!
//! This module holds what is recorded of both, and the decisions of the scheduler as plain functions: what is fired now
//! ([`decide_firing`]), whether a firing may start beside an unfinished one ([`decide_overlap`]), and what a finished run
//! means for its task ([`decide_after_run`]).
//!
//! Invariant: a pass of the scheduler fires only instants from `next_due` on and leaves a `next_due` later than all of them.
//! With `next_due` moved by compare-and-set and firings keyed by `(task, due)`, two leaders can only waste work.

mod after_run;
mod asker;
mod change;
mod difference;
mod fields;
mod fire;
mod firing;
mod id;
mod inbox;
mod listed;
mod misfire;
mod overlap;
mod record;
mod run;
mod spec;
mod wire;

pub use after_run::{AfterRun, FAILURES_IN_ROW_MAX, decide_after_run, paused_note};
pub use asker::Asker;
pub use difference::{FieldDifference, differences};
pub use fields::{InvalidTask, TaskFields};
pub use fire::{CHAT_LOST, FireReport, FireTask, Fired, RunsOf, missed_reason};
pub use firing::{DueTask, FIRED_PER_PASS_MAX, FiringDecision, SKIP_TOLERANCE, decide_firing};
pub use id::{InvalidTaskId, TaskId};
pub use inbox::{FIRING_SENDER, FIRING_SENDER_NAME, FiringRef, firing_envelope};
pub use listed::{LISTED_MAX, ListedTask, PROMPT_SHOWN_MAX};
pub use misfire::Misfire;
pub use overlap::{Admission, Overlap, UNFINISHED_MAX, decide_overlap};
pub use record::{Task, TaskOrigin, TaskState, decide_resume};
pub use run::{Firing, RunOutcome, TaskRun};
pub use spec::{CHECK_SCRIPT_BYTES_MAX, ContextMode, PROMPT_BYTES_MAX, TASKS_MAX, TaskPolicy, TaskSpec};

#[cfg(test)]
mod tests;
