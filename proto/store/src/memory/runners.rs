//! Runners: their lives, their heartbeats, and what becomes of their groups when a life ends.

use proto::ids::{GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;

use super::state::State;
use crate::{Error, Result, RunnerRow};

impl State {
    pub(super) fn register_runner(&mut self, runner: &RunnerId, slots: u32) -> Incarnation {
        let last = self
            .runners
            .get(runner)
            .map_or(Incarnation::ZERO, |(row, _)| row.incarnation);
        let row = RunnerRow {
            runner: runner.clone(),
            incarnation: last.next(),
            heartbeat: 0,
            dead: false,
        };
        self.runners.insert(runner.clone(), (row, slots));
        last.next()
    }

    /// This life of a runner, if it is the newest and not declared dead.
    pub(super) fn living(&mut self, runner: &RunnerId, life: Incarnation) -> Result<&mut (RunnerRow, u32)> {
        let living = self
            .runners
            .get_mut(runner)
            .filter(|(row, _)| row.incarnation == life && !row.dead);
        living.ok_or_else(|| Error::RunnerReplaced {
            runner: runner.clone(),
            incarnation: life,
        })
    }

    pub(super) fn declare_dead(&mut self, seen: &RunnerRow, now: Timestamp) -> Vec<GroupId> {
        match self.living(&seen.runner, seen.incarnation) {
            Ok((row, _)) if row.heartbeat == seen.heartbeat => row.dead = true,
            Ok(_) | Err(_) => return Vec::new(),
        }
        self.free_groups(&seen.runner, seen.incarnation, now)
    }

    /// Takes all groups from the lives of a runner up to `last_life`.
    pub(super) fn free_groups(&mut self, runner: &RunnerId, last_life: Incarnation, now: Timestamp) -> Vec<GroupId> {
        let owned_by_past = |owner: &Option<(RunnerId, Incarnation)>| {
            owner
                .as_ref()
                .is_some_and(|(owner, life)| owner == runner && *life <= last_life)
        };
        let freed: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, row)| owned_by_past(&row.owner))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &freed {
            self.free(id, now);
        }
        freed
    }

    fn free(&mut self, id: &GroupId, now: Timestamp) {
        let Some(cursor) = self.groups.get(id).map(|row| row.cursor) else {
            return;
        };
        let has_work = self.has_work(id, cursor);
        if let Some(row) = self.groups.get_mut(id) {
            row.owner = None;
            row.epoch = row.epoch.next();
            row.ready_at = has_work.then_some(now);
            row.attempts = if has_work { row.attempts.saturating_sub(1) } else { 0 };
            row.runner_deaths = if has_work { row.runner_deaths + 1 } else { 0 };
        }
        self.slots.retain(|_, group| group != id);
    }
}
