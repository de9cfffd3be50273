//! How a task begins and changes: plain functions from the task as it was read to the task as it is to be stored.

use super::{Task, TaskId, TaskOrigin, TaskSpec, TaskState, decide_resume};
use crate::schedule::InvalidSchedule;
use crate::time::Timestamp;

impl Task {
    /// A new task, due from `now` on.
    ///
    /// # Errors
    /// [`InvalidSchedule`] for a single time that is over or absurdly far.
    pub fn made(id: TaskId, spec: TaskSpec, now: Timestamp) -> Result<Self, InvalidSchedule> {
        spec.schedule.check_start(spec.zone, now)?;
        Ok(Self {
            id,
            state: TaskState::Active,
            next_due: spec.schedule.first_due(spec.zone, now),
            spec,
            failures_in_row: 0,
            origin: TaskOrigin::default(),
            created_at: now,
            version: 0,
        })
    }

    /// The task with another spec. A changed schedule or zone counts from `now` (IPC-09, IPC-D4), and makes a task that was
    /// done active again; a paused one stays paused.
    ///
    /// # Errors
    /// [`InvalidSchedule`] for a changed single time that is over or absurdly far.
    pub fn with_spec(&self, spec: TaskSpec, now: Timestamp) -> Result<Self, InvalidSchedule> {
        let moved = (&spec.schedule, spec.zone) != (&self.spec.schedule, self.spec.zone);
        if !moved {
            return Ok(Self { spec, ..self.clone() });
        }
        spec.schedule.check_start(spec.zone, now)?;
        let state = match self.state {
            TaskState::Done | TaskState::Active => TaskState::Active,
            TaskState::Paused => TaskState::Paused,
        };
        Ok(Self {
            next_due: spec.schedule.first_due(spec.zone, now),
            state,
            spec,
            ..self.clone()
        })
    }

    /// The task paused; one that is done stays so.
    pub fn paused(&self) -> Self {
        let state = match self.state {
            TaskState::Active | TaskState::Paused => TaskState::Paused,
            TaskState::Done => TaskState::Done,
        };
        Self { state, ..self.clone() }
    }

    /// The task resumed at `now`, with its failures forgotten; only a paused one changes.
    pub fn resumed(&self, now: Timestamp) -> Self {
        if self.state != TaskState::Paused {
            return self.clone();
        }
        let next_due = decide_resume(&self.spec, self.next_due, now);
        Self {
            state: next_due.map_or(TaskState::Done, |_| TaskState::Active),
            next_due,
            failures_in_row: 0,
            ..self.clone()
        }
    }
}
