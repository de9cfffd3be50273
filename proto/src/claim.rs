//! Who may run a group: the claim, the fence it grants, and the order in which groups are served.
//!
//! Invariant: whoever acts for a group shows a [`Fence`]; the store touches exactly one row with it or the act fails.

use std::time::Duration;

use crate::group::Group;
use crate::ids::{Epoch, GroupId, Incarnation, RunnerId};
use crate::time::{Monotonic, Timestamp};

/// Others wait this long before they may claim a group that another runner held last: its workspace and warm cache
/// are over there.
pub const STICKY_DELAY: Duration = Duration::from_millis(250);

/// A full runner leaves a waiting group for this long to others that have room: more than one of their sweeps.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(3);

/// A scheduled task counts as this much younger than it is when the next group is chosen: people come first, but a
/// task that has waited longer than that comes before a person who just arrived, so neither starves.
pub const TASK_AGEING: Duration = Duration::from_secs(30);

/// Proof of ownership, sent with every act for a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The group.
    pub group: GroupId,
    /// The claim this fence belongs to; a later claim has a larger one.
    pub epoch: Epoch,
    /// Who claimed it.
    pub runner: RunnerId,
    /// Which life of that runner.
    pub incarnation: Incarnation,
}

/// A request for work.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Who asks.
    pub runner: RunnerId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// How many groups it can take; never more are claimed.
    pub free_slots: u32,
    /// Decides who is ready; not who wins.
    pub now: Timestamp,
}

/// A group that now belongs to the runner that asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// To be shown with every act.
    pub fence: Fence,
    /// The group as registered at the time of the claim.
    pub group: Group,
    /// Slot taken, counted from 0.
    pub slot: u32,
}

/// The group that has waited longest for a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The group.
    pub group: GroupId,
    /// Since when it is ready.
    pub ready_at: Timestamp,
}

/// What makes a group ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyKind {
    /// A person wrote.
    Interactive,
    /// A scheduled task is due.
    Task,
}

impl ReadyKind {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Task => "task",
        }
    }
}

/// The instant by which ready groups are ordered, smallest first.
pub fn claim_order(ready_at: Timestamp, kind: ReadyKind) -> Timestamp {
    match kind {
        ReadyKind::Interactive => ready_at,
        ReadyKind::Task => ready_at + TASK_AGEING,
    }
}

/// Whether a full runner makes room for the group that has waited longest. Not while another one has a free slot, which may not
/// have looked yet; but that one may be unable to serve, so not for ever.
pub fn decide_room(waiting: &Waiting, room_elsewhere: bool, now: Timestamp) -> bool {
    !room_elsewhere || now.since(waiting.ready_at) >= LEFT_TO_OTHERS
}

/// Chooses which idle sandbox closes so that a waiting group gets a slot: the one idle longest.
pub fn choose_eviction(idle: impl IntoIterator<Item = (GroupId, Monotonic)>) -> Option<GroupId> {
    idle.into_iter().min_by_key(|(_, since)| *since).map(|(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn people_come_before_tasks_until_the_task_has_aged() {
        let task = claim_order(at(0), ReadyKind::Task);
        assert!(claim_order(at(29), ReadyKind::Interactive) < task);
        assert!(claim_order(at(31), ReadyKind::Interactive) > task);
    }

    #[test]
    fn a_full_runner_leaves_a_group_to_one_with_room_but_not_for_ever() {
        let waiting = Waiting {
            group: GroupId::parse("a").unwrap(),
            ready_at: at(10),
        };
        assert!(decide_room(&waiting, false, at(10)));
        assert!(!decide_room(&waiting, true, at(12)));
        assert!(decide_room(&waiting, true, at(13)));
    }

    #[test]
    fn the_longest_idle_sandbox_is_evicted() {
        let group = |name: &str| GroupId::parse(name).unwrap();
        let since = |seconds| Monotonic(Duration::from_secs(seconds));
        let idle = [(group("b"), since(5)), (group("a"), since(3)), (group("c"), since(9))];
        assert_eq!(choose_eviction(idle), Some(group("a")));
        assert_eq!(choose_eviction([]), None);
    }
}
