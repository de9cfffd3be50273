//! Which group may do what with whose tasks (IPC-05, IPC-08, IPC-09).

use super::Task;
use crate::ids::GroupId;

/// The group whose agent asks. The directory its request came from is its identity, never a field of the request (IPC-01).
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// Whether it has the privileges of `main`.
    pub is_main: bool,
}

impl Asker<'_> {
    /// Whether it may schedule for this group: its own, and from main any.
    pub fn may_schedule_for(&self, group: &GroupId) -> bool {
        self.is_main || self.group == group
    }

    /// Whether it may change, pause, resume or cancel this task, and see it in its list (MCP-05).
    pub fn may_touch(&self, task: &Task) -> bool {
        self.may_schedule_for(&task.spec.group)
    }

    /// Whose tasks it may see; `None`: those of all groups.
    pub fn sees(&self) -> Option<&GroupId> {
        (!self.is_main).then_some(self.group)
    }
}
