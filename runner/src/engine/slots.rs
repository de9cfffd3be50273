//! The slots: which groups run here, and how to reach their runs.
//!
//! What a run is told is a state, not a message: a run that is busy starting a sandbox finds the newest word when it
//! looks, and nothing queues up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::claim::Fence;
use proto::ids::{Epoch, GroupId, TurnId};
use proto::time::Monotonic;
use tokio::sync::Notify;

/// What the engine tells a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The inbox may have grown.
    Look,
    /// It grew by something that calls the agent.
    Called,
    /// Whether groups that waited longer need a slot.
    OthersWait(bool),
    /// The slot is needed: close if idle.
    Evict,
    /// Somebody wants this turn to end.
    StopTurn(TurnId),
}

/// What a run is doing, as far as the engine must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It works, or is about to.
    Busy,
    /// Its sandbox has had nothing to do since then.
    Idle(Monotonic),
    /// Its sandbox was asked to finish: the slot will be free soon.
    Closing,
}

/// The runs of this runner.
#[derive(Default)]
pub(crate) struct Slots {
    runs: Mutex<BTreeMap<GroupId, Entry>>,
    /// Claims whose run panicked, the newest of each group.
    broken_off: Mutex<BTreeMap<GroupId, Epoch>>,
    freed: Notify,
}

struct Entry {
    epoch: Epoch,
    orders: Arc<Orders>,
    activity: Activity,
}

impl Entry {
    fn is_soon_free(&self) -> bool {
        self.activity == Activity::Closing || self.orders.is_evicting()
    }
}

impl Slots {
    /// Takes a slot for a group that was just claimed.
    pub(crate) fn take(&self, fence: &Fence) -> Arc<Orders> {
        let orders = Arc::new(Orders::default());
        let entry = Entry {
            epoch: fence.epoch,
            orders: Arc::clone(&orders),
            activity: Activity::Busy,
        };
        self.broken_off().remove(&fence.group);
        self.lock().insert(fence.group.clone(), entry);
        orders
    }

    /// Frees the slot of a run that ended; a later claim of the same group keeps its own.
    pub(crate) fn free(&self, fence: &Fence) {
        self.free_unnoticed(fence);
        self.freed.notify_one();
    }

    /// As [`Slots::free`], but nothing is claimed for it at once: others may look first.
    pub(crate) fn free_unnoticed(&self, fence: &Fence) {
        let mut runs = self.lock();
        if runs.get(&fence.group).is_some_and(|entry| entry.epoch == fence.epoch) {
            runs.remove(&fence.group);
        }
    }

    /// As [`Slots::free`], for a run that panicked: its claim is still to be ended.
    pub(crate) fn free_broken_off(&self, fence: &Fence) {
        self.broken_off().insert(fence.group.clone(), fence.epoch);
        self.free(fence);
    }

    /// Whether the run of this claim panicked.
    pub(crate) fn broke_off(&self, fence: &Fence) -> bool {
        self.broken_off().get(&fence.group) == Some(&fence.epoch)
    }

    /// Resolves when a slot was freed since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Slots in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().len()
    }

    /// Whether a run serves this claim.
    pub(crate) fn serves(&self, fence: &Fence) -> bool {
        self.lock()
            .get(&fence.group)
            .is_some_and(|entry| entry.epoch == fence.epoch)
    }

    /// Notes what a run is doing.
    pub(crate) fn note(&self, fence: &Fence, activity: Activity) {
        if let Some(entry) = self.lock().get_mut(&fence.group)
            && entry.epoch == fence.epoch
        {
            entry.activity = activity;
        }
    }

    /// Groups with an idle sandbox and since when; none while a slot is already about to become free.
    pub(crate) fn evictable(&self) -> Vec<(GroupId, Monotonic)> {
        let runs = self.lock();
        if runs.values().any(Entry::is_soon_free) {
            return Vec::new();
        }
        let idle = |(group, entry): (&GroupId, &Entry)| match entry.activity {
            Activity::Idle(since) => Some((group.clone(), since)),
            Activity::Busy | Activity::Closing => None,
        };
        runs.iter().filter_map(idle).collect()
    }

    /// Whether a slot is about to become free.
    pub(crate) fn makes_room(&self) -> bool {
        self.lock().values().any(Entry::is_soon_free)
    }

    /// Tells one run; a run that is not here is somebody else's.
    pub(crate) fn tell(&self, group: &GroupId, command: Command) {
        if let Some(entry) = self.lock().get(group) {
            entry.orders.give(command);
        }
    }

    /// Tells all runs.
    pub(crate) fn tell_all(&self, command: Command) {
        for entry in self.lock().values() {
            entry.orders.give(command);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, Entry>> {
        // Nothing panics while holding it; a poisoned map would still be consistent.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken_off(&self) -> MutexGuard<'_, BTreeMap<GroupId, Epoch>> {
        // Likewise.
        self.broken_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one run is to know; the newest word of each kind.
#[derive(Default)]
pub(crate) struct Orders {
    standing: Mutex<Standing>,
    bell: Notify,
}

#[derive(Default)]
struct Standing {
    stop_turn: Option<TurnId>,
    look: bool,
    called: bool,
    evict: bool,
    others_wait: bool,
    others_wait_told: bool,
}

impl Orders {
    /// The next thing to know. Cancel-safe: what is not returned still stands.
    pub(crate) async fn next(&self) -> Command {
        loop {
            if let Some(command) = self.take() {
                return command;
            }
            self.bell.notified().await;
        }
    }

    fn take(&self) -> Option<Command> {
        let mut standing = self.lock();
        if let Some(turn) = standing.stop_turn.take() {
            return Some(Command::StopTurn(turn));
        }
        if standing.others_wait != standing.others_wait_told {
            standing.others_wait_told = standing.others_wait;
            return Some(Command::OthersWait(standing.others_wait));
        }
        if std::mem::take(&mut standing.evict) {
            return Some(Command::Evict);
        }
        let look = std::mem::take(&mut standing.look);
        if std::mem::take(&mut standing.called) {
            return Some(Command::Called);
        }
        look.then_some(Command::Look)
    }

    fn give(&self, command: Command) {
        let mut standing = self.lock();
        match command {
            Command::Look => standing.look = true,
            Command::Called => standing.called = true,
            Command::Evict => standing.evict = true,
            Command::OthersWait(wait) => standing.others_wait = wait,
            Command::StopTurn(turn) => standing.stop_turn = Some(turn),
        }
        drop(standing);
        self.bell.notify_one();
    }

    fn is_evicting(&self) -> bool {
        self.lock().evict
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::ids::{Incarnation, RunnerId};

    use super::*;

    fn fence(group: &str, epoch: i64) -> Fence {
        let group = GroupId::parse(group).unwrap();
        Fence {
            group,
            epoch: Epoch(epoch),
            runner: RunnerId::new("r"),
            incarnation: Incarnation(1),
        }
    }

    #[test]
    fn an_old_run_does_not_free_the_slot_of_the_next_claim() {
        let slots = Slots::default();
        slots.take(&fence("a", 1));
        slots.take(&fence("a", 2));
        slots.free(&fence("a", 1));
        assert!(slots.serves(&fence("a", 2)) && !slots.serves(&fence("a", 1)));
    }

    #[test]
    fn one_waiting_group_evicts_one_sandbox() {
        let slots = Slots::default();
        for group in ["a", "b"] {
            slots.take(&fence(group, 1));
            slots.note(&fence(group, 1), Activity::Idle(Monotonic(Duration::from_secs(1))));
        }
        assert_eq!(slots.evictable().len(), 2);
        slots.tell(&fence("a", 1).group, Command::Evict);
        assert!(slots.evictable().is_empty(), "a slot is about to become free");
        slots.note(&fence("a", 1), Activity::Closing);
        assert!(slots.evictable().is_empty());
        slots.free(&fence("a", 1));
        assert_eq!(slots.evictable().len(), 1);
    }

    #[tokio::test]
    async fn nothing_queues_up_and_the_newest_word_counts() {
        let slots = Slots::default();
        let orders = slots.take(&fence("a", 1));
        for wait in [true, false, true] {
            slots.tell_all(Command::OthersWait(wait));
            slots.tell_all(Command::Look);
            slots.tell_all(Command::Called);
        }
        assert_eq!(orders.next().await, Command::OthersWait(true));
        assert_eq!(orders.next().await, Command::Called, "which looks, too");
        assert_eq!(orders.take(), None);
    }
}
