//! The slots: which groups run here, and how to reach their runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::ids::GroupId;
use proto::time::Monotonic;
use tokio::sync::{Notify, mpsc};

/// Commands a run may be behind: they carry no data, so a full queue already says "look".
pub(crate) const COMMANDS: usize = 16;

/// What the engine tells a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The inbox may have grown.
    Look,
    /// Whether groups that waited longer need a slot.
    OthersWait(bool),
    /// The slot is needed: close if idle.
    Evict,
}

/// The runs of this runner.
#[derive(Default)]
pub(crate) struct Slots {
    runs: Mutex<BTreeMap<GroupId, Entry>>,
    freed: Notify,
}

struct Entry {
    commands: mpsc::Sender<Command>,
    idle_since: Option<Monotonic>,
}

impl Slots {
    /// Takes a slot for a group that was just claimed.
    pub(crate) fn take(&self, group: &GroupId) -> mpsc::Receiver<Command> {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        self.lock().insert(
            group.clone(),
            Entry {
                commands,
                idle_since: None,
            },
        );
        receiver
    }

    /// Frees the slot of a group whose run ended.
    pub(crate) fn free(&self, group: &GroupId) {
        self.lock().remove(group);
        self.freed.notify_one();
    }

    /// Resolves when a slot was freed since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Slots in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().len()
    }

    /// Notes whether the sandbox of a group has nothing to do.
    pub(crate) fn set_idle(&self, group: &GroupId, since: Option<Monotonic>) {
        if let Some(entry) = self.lock().get_mut(group) {
            entry.idle_since = since;
        }
    }

    /// Groups with an idle sandbox, and since when.
    pub(crate) fn idle(&self) -> Vec<(GroupId, Monotonic)> {
        self.lock()
            .iter()
            .filter_map(|(group, entry)| Some((group.clone(), entry.idle_since?)))
            .collect()
    }

    /// Tells one run; a run that is not here is somebody else's.
    pub(crate) fn tell(&self, group: &GroupId, command: Command) {
        if let Some(entry) = self.lock().get(group) {
            // Full means that it has not yet looked at earlier commands and will look anyway.
            let _ = entry.commands.try_send(command);
        }
    }

    /// Tells all runs.
    pub(crate) fn tell_all(&self, command: Command) {
        for entry in self.lock().values() {
            let _ = entry.commands.try_send(command);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, Entry>> {
        // Nothing panics while holding it; a poisoned map would still be consistent.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
