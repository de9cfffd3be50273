//! Firings: from a due instant to work in the inbox, and from the end of its turn to history.

use std::cmp::Reverse;

use proto::claim::Fence;
use proto::ids::{InboxOrd, TurnId};
use proto::task::{
    Admission, AfterRun, CHAT_LOST, FireReport, FireTask, Fired, FiringRef, RunOutcome, RunsOf, Task, TaskId, TaskRun,
    TaskState, decide_after_run, decide_overlap, firing_envelope, missed_reason,
};
use proto::time::Timestamp;

use super::state::{FiringEnd, FiringRow, State};
use super::switches::Switch;
use crate::ending::Ending;
use crate::tasks::{OVERLAPPED, checks, not_found};
use crate::{Appended, Result};

impl State {
    pub(super) fn fire(&mut self, fire: &FireTask, now: Timestamp) -> Result<Fired> {
        let any = self.lacks(Switch::NextDueCompareAndSet);
        let as_seen = |task: &Task| {
            any || (task.version == fire.version && task.next_due == Some(fire.seen) && task.state == TaskState::Active)
        };
        let task = self.tasks.get(&fire.task).map(|row| row.task.clone());
        let Some(task) = task.filter(as_seen) else {
            return Ok(Fired::Overtaken);
        };
        let mut report = self.report_for(&task);
        if !self.has_its_chat(&task) {
            self.pause_task(&task, task.failures_in_row, now);
            self.put_ended(&task, fire.seen, RunOutcome::Failed, CHAT_LOST, now);
            report.paused = true;
            return Ok(Fired::Done(report));
        }
        let moved = Task {
            next_due: fire.next_due,
            state: fire.next_due.map_or(TaskState::Done, |_| TaskState::Active),
            ..task.clone()
        };
        self.write_task(moved, now);
        if fire.missed > 0 {
            let why = missed_reason(fire.missed);
            self.put_ended(&task, fire.seen, RunOutcome::Missed, &why, now);
        }
        let mut unfinished = self.unfinished(&task.id);
        for due in &fire.fire {
            match decide_overlap(task.spec.policy.overlap, unfinished) {
                Admission::Admitted if self.put_firing(&task, *due, now)? => {
                    unfinished += 1;
                    report.admitted.push(*due);
                }
                Admission::Skipped if self.put_ended(&task, *due, RunOutcome::Skipped, OVERLAPPED, now) => {
                    report.skipped.push(*due);
                }
                // Fired before.
                Admission::Admitted | Admission::Skipped => {}
            }
        }
        Ok(Fired::Done(report))
    }

    pub(super) fn run_now(&mut self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
        self.hold(fence)?;
        let task = self.tasks.get(id).map(|row| row.task.clone());
        let task = task.ok_or_else(|| not_found(id))?;
        checks::may_run_now(&task, self.has_its_chat(&task), self.unfinished(id))?;
        let mut report = self.report_for(&task);
        let mut due = now;
        while !self.put_firing(&task, due, now)? {
            due = due + checks::NEXT_KEY;
        }
        report.admitted.push(due);
        Ok(report)
    }

    /// Notes that a turn took the firing up.
    pub(super) fn begin_firing(&mut self, firing: &FiringRef, turn: TurnId, now: Timestamp) {
        let key = (firing.task.clone(), firing.due_at);
        if let Some(row) = self.firings.get_mut(&key).filter(|row| row.end.is_none()) {
            row.turn = Some(turn);
            row.started_at = row.started_at.or(Some(now));
        }
    }

    /// Records the end of the firing that a turn covered, if it covered one. Returns after how many failures in a row its
    /// task was paused, if it was.
    pub(super) fn end_firing(&mut self, ending: &Ending<'_>) -> Option<u32> {
        let said_early = self.outbox.early_of(ending.turn).next().is_some();
        let outcome = ending.outcome(said_early);
        let firings = &self.firings;
        let covered =
            |row: &FiringRow| row.turn == Some(ending.turn) && row.ord.is_some_and(|ord| ord <= ending.through);
        let key = self
            .open_firings
            .iter()
            .find(|key| firings.get(key).is_some_and(covered))?
            .clone();
        self.open_firings.remove(&key);
        self.firings.get_mut(&key)?.end = Some(FiringEnd {
            at: ending.now,
            outcome,
            cost_micros: ending.cost_micros,
            error: ending.error.map(str::to_owned),
        });
        // The task may be removed by now; its history is not.
        let task = self.tasks.get(&key.0)?.task.clone();
        self.count_run(task, outcome, ending.now)
    }

    fn count_run(&mut self, task: Task, outcome: RunOutcome, now: Timestamp) -> Option<u32> {
        match decide_after_run(task.failures_in_row, outcome, task.spec.policy.pause_after) {
            AfterRun::Pause { failures_in_row } if task.state == TaskState::Active => {
                self.pause_task(&task, failures_in_row, now);
                Some(failures_in_row)
            }
            AfterRun::Pause { failures_in_row } | AfterRun::GoOn { failures_in_row } => {
                if failures_in_row != task.failures_in_row {
                    self.write_task(
                        Task {
                            failures_in_row,
                            ..task
                        },
                        now,
                    );
                }
                None
            }
        }
    }

    fn pause_task(&mut self, task: &Task, failures_in_row: u32, now: Timestamp) {
        let paused = Task {
            failures_in_row,
            ..task.paused()
        };
        self.write_task(paused, now);
        self.cancel_firings(&task.id, now);
    }

    /// Takes the firings of a task that no turn has begun out of the inbox again.
    pub(super) fn cancel_firings(&mut self, id: &TaskId, now: Timestamp) {
        let open: Vec<_> = self.open_of(id).cloned().collect();
        for key in open {
            let Some(row) = self.firings.get_mut(&key).filter(|row| row.turn.is_none()) else {
                continue;
            };
            self.open_firings.remove(&key);
            if let Some(message) = row.ord.and_then(|ord| self.messages.remove(&(row.group.clone(), ord))) {
                self.dedup_keys.remove(&message.message.envelope.dedup_key);
            }
            row.end = Some(FiringEnd {
                at: now,
                outcome: RunOutcome::Cancelled,
                cost_micros: None,
                error: None,
            });
        }
    }

    pub(super) fn newest_runs(&self, of: &RunsOf, limit: u32) -> Vec<TaskRun> {
        let asked = |task: &TaskId, row: &FiringRow| match of {
            RunsOf::Task(asked) => task == asked,
            RunsOf::Group(group) => row.group == *group,
            RunsOf::All => true,
        };
        let mut runs: Vec<TaskRun> = self
            .firings
            .iter()
            .filter(|((task, _), row)| asked(task, row))
            .filter_map(|((task, due), row)| run_of(task, *due, row))
            .collect();
        runs.sort_by_key(|run| Reverse((run.ended_at, run.due_at, run.task.clone())));
        runs.truncate(limit as usize);
        runs
    }

    fn has_its_chat(&self, task: &Task) -> bool {
        let chat = self.chats.get(&task.spec.chat);
        chat.is_some_and(|row| row.chat.group.as_ref() == Some(&task.spec.group))
    }

    fn report_for(&self, task: &Task) -> FireReport {
        let row = self.groups.get(&task.spec.group);
        FireReport {
            group: task.spec.group.clone(),
            owner: row.and_then(|row| Some(row.owner.as_ref()?.0.clone())),
            last_runner: row.and_then(|row| self.last_runner(row)),
            admitted: Vec::new(),
            skipped: Vec::new(),
            paused: false,
        }
    }

    fn unfinished(&self, id: &TaskId) -> u32 {
        u32::try_from(self.open_of(id).count()).unwrap_or(u32::MAX)
    }

    fn open_of<'s>(&'s self, id: &'s TaskId) -> impl Iterator<Item = &'s (TaskId, Timestamp)> {
        let from = (id.clone(), Timestamp::from_millis(i64::MIN));
        self.open_firings.range(from..).take_while(move |(task, _)| task == id)
    }

    /// Makes a due instant work; `false` when it was fired before.
    fn put_firing(&mut self, task: &Task, due: Timestamp, now: Timestamp) -> Result<bool> {
        let key = (task.id.clone(), due);
        let once = !self.lacks(Switch::FiringKey);
        if once && self.firings.contains_key(&key) {
            return Ok(false);
        }
        let mut envelope = firing_envelope(&task.id, &task.spec, due);
        if !once {
            // The key of the inbox row would be a second fence.
            envelope.dedup_key.push_str(&format!(":{}", self.messages.len()));
        }
        let Appended::Stored(ord) = self.append(&envelope, now)? else {
            return Ok(false);
        };
        self.open_firings.insert(key.clone());
        self.firings.insert(key, new_row(task, Some(ord), None));
        Ok(true)
    }

    /// Records a due instant that became no work; `false` when it was dealt with before.
    fn put_ended(&mut self, task: &Task, due: Timestamp, outcome: RunOutcome, why: &str, now: Timestamp) -> bool {
        let key = (task.id.clone(), due);
        if self.firings.contains_key(&key) {
            return false;
        }
        let end = FiringEnd {
            at: now,
            outcome,
            cost_micros: None,
            error: Some(why.to_owned()),
        };
        self.firings.insert(key, new_row(task, None, Some(end)));
        true
    }
}

fn new_row(task: &Task, ord: Option<InboxOrd>, end: Option<FiringEnd>) -> FiringRow {
    FiringRow {
        group: task.spec.group.clone(),
        ord,
        turn: None,
        started_at: None,
        end,
    }
}

fn run_of(task: &TaskId, due_at: Timestamp, row: &FiringRow) -> Option<TaskRun> {
    let end = row.end.as_ref()?;
    Some(TaskRun {
        task: task.clone(),
        due_at,
        turn: row.turn,
        started_at: row.started_at.unwrap_or(due_at),
        ended_at: end.at,
        outcome: end.outcome,
        cost_micros: end.cost_micros,
        error: end.error.clone(),
    })
}
