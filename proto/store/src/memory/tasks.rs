//! Tasks: their rows. What they fire is in `firings`.

use proto::claim::Fence;
use proto::ids::GroupId;
use proto::task::{Task, TaskId, TaskState};
use proto::time::Timestamp;

use super::state::{State, TaskRow};
use super::{chats, groups};
use crate::Result;
use crate::tasks::{checks, not_found};

impl State {
    pub(super) fn put_task(&mut self, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
        self.hold(fence)?;
        self.group(&task.spec.group)
            .ok_or_else(|| groups::not_found(&task.spec.group))?;
        let chat = self.chats.get(&task.spec.chat);
        let chat = chat.ok_or_else(|| chats::not_found(&task.spec.chat))?;
        checks::chat(task, chat.chat.group.as_ref())?;
        let known = self.tasks.get(&task.id).map(|row| row.task.clone());
        if known.as_ref().map_or(0, |known| known.version) != task.version {
            return if known.is_none() {
                Err(not_found(&task.id))
            } else {
                Ok(None)
            };
        }
        match &known {
            Some(known) => checks::same_group(task, known)?,
            None => checks::room(task, self.open_tasks(&task.spec.group))?,
        }
        let created_at = known.as_ref().map_or(task.created_at, |known| known.created_at);
        let stored = self.write_task(
            Task {
                created_at,
                ..task.clone()
            },
            now,
        );
        if stored.state != TaskState::Active && known.is_some_and(|known| known.state == TaskState::Active) {
            self.cancel_firings(&stored.id, now);
        }
        Ok(Some(stored))
    }

    pub(super) fn remove_task(&mut self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
        self.hold(fence)?;
        self.tasks.remove(id).ok_or_else(|| not_found(id))?;
        self.cancel_firings(id, now);
        Ok(())
    }

    pub(super) fn tasks_of(&self, group: Option<&GroupId>) -> Vec<Task> {
        self.tasks
            .values()
            .map(|row| &row.task)
            .filter(|task| group.is_none_or(|group| task.spec.group == *group))
            .cloned()
            .collect()
    }

    pub(super) fn next_due_at(&self) -> Option<Timestamp> {
        self.active_dues().map(|(due, _)| due).min()
    }

    pub(super) fn due_tasks(&self, now: Timestamp, limit: u32) -> Vec<Task> {
        let mut due: Vec<_> = self.active_dues().filter(|(due, _)| *due <= now).collect();
        due.sort_by_key(|(due, task)| (*due, task.id.clone()));
        due.truncate(limit as usize);
        due.into_iter().map(|(_, task)| task.clone()).collect()
    }

    /// Writes a row as it is to be from now on, as its next version.
    pub(super) fn write_task(&mut self, mut task: Task, now: Timestamp) -> Task {
        task.version += 1;
        let row = TaskRow {
            task: task.clone(),
            changed_at: now,
        };
        self.tasks.insert(task.id.clone(), row);
        task
    }

    pub(super) fn hold(&mut self, fence: Option<&Fence>) -> Result<()> {
        fence.map_or(Ok(()), |fence| self.held(fence).map(|_| ()))
    }

    fn active_dues(&self) -> impl Iterator<Item = (Timestamp, &Task)> {
        let active = self.tasks.values().filter(|row| row.task.state == TaskState::Active);
        active.filter_map(|row| Some((row.task.next_due?, &row.task)))
    }

    fn open_tasks(&self, group: &GroupId) -> u32 {
        let open = |row: &&TaskRow| row.task.spec.group == *group && row.task.state != TaskState::Done;
        u32::try_from(self.tasks.values().filter(open).count()).unwrap_or(u32::MAX)
    }
}
