//! The slots: which groups run here, and what their runs are to know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proto::claim::Fence as GroupFence;
use proto::ids::{Epoch, GroupId};
use proto::time::Monotonic;
use tokio::sync::Notify;

/// What the engine tells a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Look,
    Called,
    OthersWait(bool),
    Evict,
}

/// What a run is doing, as far as the engine must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Busy,
    Idle(Monotonic),
    Closing,
}

/// The runs of this runner.
#[derive(Default)]
pub(crate) struct Slots {
    runs: RefCell<BTreeMap<GroupId, Entry>>,
    pub(crate) freed: Notify,
    emptied: Notify,
}

struct Entry {
    epoch: Epoch,
    orders: Rc<Orders>,
    activity: Activity,
}

impl Slots {
    pub(crate) fn take(&self, fence: &GroupFence) -> Rc<Orders> {
        let orders = Rc::new(Orders::default());
        let entry = Entry {
            epoch: fence.epoch,
            orders: Rc::clone(&orders),
            activity: Activity::Busy,
        };
        self.runs.borrow_mut().insert(fence.group.clone(), entry);
        orders
    }

    pub(crate) fn free(&self, fence: &GroupFence) {
        if self.serves(fence) {
            self.runs.borrow_mut().remove(&fence.group);
        }
        self.freed.notify_one();
        self.emptied.notify_one();
    }

    /// Resolves once no run is left.
    pub(crate) async fn empty(&self) {
        while self.used() > 0 {
            self.emptied.notified().await;
        }
    }

    pub(crate) fn used(&self) -> usize {
        self.runs.borrow().len()
    }

    pub(crate) fn serves(&self, fence: &GroupFence) -> bool {
        self.runs
            .borrow()
            .get(&fence.group)
            .is_some_and(|entry| entry.epoch == fence.epoch)
    }

    pub(crate) fn note(&self, fence: &GroupFence, activity: Activity) {
        if let Some(entry) = self.runs.borrow_mut().get_mut(&fence.group)
            && entry.epoch == fence.epoch
        {
            entry.activity = activity;
        }
    }

    /// Groups with an idle sandbox and since when; none while a slot is already about to become free.
    pub(crate) fn evictable(&self) -> Vec<(GroupId, Monotonic)> {
        if self.makes_room() {
            return Vec::new();
        }
        let runs = self.runs.borrow();
        let idle = |(group, entry): (&GroupId, &Entry)| match entry.activity {
            Activity::Idle(since) => Some((group.clone(), since)),
            Activity::Busy | Activity::Closing => None,
        };
        runs.iter().filter_map(idle).collect()
    }

    /// Whether a slot is about to become free.
    pub(crate) fn makes_room(&self) -> bool {
        let soon_free = |entry: &Entry| entry.activity == Activity::Closing || entry.orders.standing.borrow().evict;
        self.runs.borrow().values().any(soon_free)
    }

    pub(crate) fn tell(&self, group: &GroupId, command: Command) {
        if let Some(entry) = self.runs.borrow().get(group) {
            entry.orders.give(command);
        }
    }

    pub(crate) fn tell_all(&self, command: Command) {
        for entry in self.runs.borrow().values() {
            entry.orders.give(command);
        }
    }
}

/// What one run is to know; the newest word of each kind.
#[derive(Default)]
pub(crate) struct Orders {
    standing: RefCell<Standing>,
    bell: Notify,
}

#[derive(Default)]
struct Standing {
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
        let mut standing = self.standing.borrow_mut();
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
        let mut standing = self.standing.borrow_mut();
        match command {
            Command::Look => standing.look = true,
            Command::Called => standing.called = true,
            Command::Evict => standing.evict = true,
            Command::OthersWait(wait) => standing.others_wait = wait,
        }
        self.bell.notify_one();
    }
}
