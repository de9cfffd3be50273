//! The claim.

use std::ops::Bound;

use proto::claim::{ClaimRequest, Claimed, Fence, STICKY_DELAY, Waiting, claim_order};
use proto::ids::{ChatId, GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;

use super::state::{GroupRow, State};
use super::switches::Switch;
use crate::Result;

impl State {
    pub(super) fn claim(&mut self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        let slots = self.free_slots(request)?;
        let mut ready: Vec<_> = self
            .groups
            .iter()
            .filter_map(|(id, row)| Some((self.claimable_since(row, request)?, row.ready_kind, id.clone())))
            .map(|(since, kind, id)| (claim_order(since, kind), since, id))
            .collect();
        ready.sort();
        let taken = ready
            .into_iter()
            .zip(slots)
            .filter_map(|((_, _, id), slot)| self.take(request, id, slot));
        Ok(taken.collect())
    }

    fn free_slots(&mut self, request: &ClaimRequest) -> Result<Vec<u32>> {
        let slots = self
            .living(&request.runner, request.incarnation, Some(Switch::IncarnationOnClaim))?
            .slots;
        let taken: Vec<u32> = self
            .slots
            .keys()
            .filter(|(runner, _)| *runner == request.runner)
            .map(|(_, slot)| *slot)
            .collect();
        let free = (slots as usize)
            .saturating_sub(taken.len())
            .min(request.free_slots as usize);
        Ok((0..slots).filter(|slot| !taken.contains(slot)).take(free).collect())
    }

    fn take(&mut self, request: &ClaimRequest, id: GroupId, slot: u32) -> Option<Claimed> {
        let row = self.groups.get_mut(&id)?;
        row.owner = Some((request.runner.clone(), request.incarnation));
        row.last_runner = Some(request.runner.clone());
        row.epoch = row.epoch.next();
        row.attempts += 1;
        self.slots.insert((request.runner.clone(), slot), id.clone());
        let fence = Fence {
            group: id,
            epoch: row.epoch,
            runner: request.runner.clone(),
            incarnation: request.incarnation,
        };
        Some(Claimed {
            fence,
            group: row.group.clone(),
            slot,
        })
    }

    pub(super) fn owned(&self, runner: &RunnerId, incarnation: Incarnation) -> Vec<Fence> {
        let mine = |row: &GroupRow| row.owner.as_ref().is_some_and(|(owner, _)| owner == runner);
        let fences = self.groups.iter().filter(|(_, row)| mine(row)).map(|(id, row)| Fence {
            group: id.clone(),
            epoch: row.epoch,
            runner: runner.clone(),
            incarnation,
        });
        fences.filter(|fence| self.holds(fence)).collect()
    }

    pub(super) fn oldest_waiting(&self, now: Timestamp) -> Option<Waiting> {
        let (ready_at, group) = self.waiting(now).into_iter().next()?;
        Some(Waiting { group, ready_at })
    }

    pub(super) fn waiting_chats(
        &self,
        runner: &RunnerId,
        since: Timestamp,
        after: Option<&GroupId>,
        limit: u32,
    ) -> Vec<(GroupId, ChatId)> {
        let another_is_full = self.another_is_full(runner);
        let waits = |row: &GroupRow| !another_is_full && row.waits(since).is_some_and(|ready_at| ready_at <= since);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.groups
            .range((start, Bound::Unbounded))
            .filter(|(_, row)| waits(row) || self.is_left_behind(row, runner))
            .filter_map(|(id, row)| {
                let first = self.after(id, row.cursor).find(|message| message.envelope.engages)?;
                Some((id.clone(), first.envelope.chat.clone()))
            })
            .take(limit as usize)
            .collect()
    }

    /// Whether all slots of another runner that lives are taken.
    fn another_is_full(&self, runner: &RunnerId) -> bool {
        let others = self.runners.values().filter(|entry| entry.row.runner != *runner);
        others
            .filter(|entry| !entry.row.dead)
            .any(|entry| self.free_slots_of(entry) == 0)
    }

    /// Whether an earlier life of this runner owns the group.
    fn is_left_behind(&self, row: &GroupRow, runner: &RunnerId) -> bool {
        row.owner.as_ref().is_some_and(|(owner, life)| {
            let newest = self.runners.get(runner).map(|entry| entry.row.incarnation);
            owner == runner && newest.is_some_and(|newest| newest > *life)
        })
    }

    fn waiting(&self, now: Timestamp) -> Vec<(Timestamp, GroupId)> {
        let mut waiting: Vec<_> = self
            .groups
            .iter()
            .filter_map(|(id, row)| Some((row.waits(now)?, id.clone())))
            .collect();
        waiting.sort();
        waiting
    }

    /// Who held a group last, if that runner still lives.
    pub(super) fn last_runner(&self, row: &GroupRow) -> Option<RunnerId> {
        let last = row.last_runner.as_ref()?;
        let lives = self.runners.get(last).is_some_and(|entry| !entry.row.dead);
        lives.then(|| last.clone())
    }

    fn claimable_since(&self, row: &GroupRow, request: &ClaimRequest) -> Option<Timestamp> {
        let unowned = row.owner.is_none() || self.lacks(Switch::OneSlotPerGroup);
        let since = row.ready(request.now).filter(|_| unowned)?;
        let elsewhere = self.last_runner(row).is_some_and(|runner| runner != request.runner);
        (!elsewhere || since + STICKY_DELAY <= request.now).then_some(since)
    }
}
