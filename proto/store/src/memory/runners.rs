//! Runners: their lives, their heartbeats, and what becomes of their groups when a life ends.

use proto::ids::{GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;

use super::state::{RunnerEntry, State};
use super::switches::Switch;
use crate::{Error, Result, RunnerRow};

impl State {
    pub(super) fn register_runner(&mut self, runner: &RunnerId, slots: u32, now: Timestamp) -> Incarnation {
        let last = self
            .runners
            .get(runner)
            .map_or(Incarnation::ZERO, |entry| entry.row.incarnation);
        let row = RunnerRow {
            runner: runner.clone(),
            incarnation: last.next(),
            heartbeat: 0,
            dead: false,
            free_slots: slots,
        };
        let entry = RunnerEntry {
            row,
            slots,
            registered_at: now,
        };
        self.runners.insert(runner.clone(), entry);
        last.next()
    }

    pub(super) fn runners(&self) -> Vec<RunnerRow> {
        let row = |entry: &RunnerEntry| RunnerRow {
            free_slots: self.free_slots_of(entry),
            ..entry.row.clone()
        };
        self.runners.values().map(row).collect()
    }

    /// Slots of a runner that no group holds.
    pub(super) fn free_slots_of(&self, entry: &RunnerEntry) -> u32 {
        let taken = self
            .slots
            .keys()
            .filter(|(holder, _)| *holder == entry.row.runner)
            .count();
        entry.slots.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    pub(super) fn heartbeat(&mut self, runner: &RunnerId, life: Incarnation) -> Result<()> {
        self.living(runner, life, Some(Switch::IncarnationOnHeartbeat))?
            .row
            .heartbeat += 1;
        Ok(())
    }

    /// This life of a runner, if it is the newest and not declared dead, or if the fence that asks for it is left out.
    pub(super) fn living(
        &mut self,
        runner: &RunnerId,
        life: Incarnation,
        fence: Option<Switch>,
    ) -> Result<&mut RunnerEntry> {
        let any = fence.is_some_and(|fence| self.lacks(fence));
        let living = self
            .runners
            .get_mut(runner)
            .filter(|entry| any || (entry.row.incarnation == life && !entry.row.dead));
        living.ok_or_else(|| Error::RunnerReplaced {
            runner: runner.clone(),
            incarnation: life,
        })
    }

    pub(super) fn declare_dead(&mut self, seen: &RunnerRow, now: Timestamp) -> Vec<GroupId> {
        let any = self.lacks(Switch::DeathCompareAndSet);
        match self.living(&seen.runner, seen.incarnation, None) {
            Ok(entry) if any || entry.row.heartbeat == seen.heartbeat => entry.row.dead = true,
            Ok(_) | Err(_) => return Vec::new(),
        }
        self.free_groups(&seen.runner, seen.incarnation, now)
    }

    pub(super) fn retire_runner(&mut self, runner: &RunnerId, life: Incarnation) {
        if !self.owns_any(runner)
            && let Ok(entry) = self.living(runner, life, None)
        {
            entry.row.dead = true;
        }
    }

    /// Whether a runner, in whatever life, owns a group: each of them has a slot.
    pub(super) fn owns_any(&self, runner: &RunnerId) -> bool {
        let slots = (runner.clone(), 0)..=(runner.clone(), u32::MAX);
        self.slots.range(slots).next().is_some()
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
        let kind = self.kind_after(id, cursor);
        if let Some(row) = self.groups.get_mut(id) {
            row.owner = None;
            row.epoch = row.epoch.next();
            row.ready_at = has_work.then_some(now);
            row.ready_kind = kind;
            row.attempts = if has_work { row.attempts.saturating_sub(1) } else { 0 };
            row.runner_deaths = if has_work { row.runner_deaths + 1 } else { 0 };
        }
        self.slots.retain(|_, group| group != id);
    }
}
