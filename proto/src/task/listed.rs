//! A task as it is shown in lists: what somebody needs to tell it from others and to know when it runs.

use serde::{Deserialize, Serialize};

use super::{ContextMode, Task, TaskId, TaskOrigin, TaskState};
use crate::ids::{ChatId, GroupId};
use crate::time::shown_in;

/// Most tasks in one list for an agent: the list is read by a model, and an answer has to fit into a file.
pub const LISTED_MAX: usize = 500;
/// Longest prompt shown in a list, in characters; one task alone is shown in full.
pub const PROMPT_SHOWN_MAX: usize = 200;

/// A task in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTask {
    /// Identity.
    pub id: TaskId,
    /// Whose it is.
    pub group: GroupId,
    /// Where its answers go.
    pub chat: ChatId,
    /// What the agent is told; cut in lists.
    pub prompt: String,
    /// `cron`, `interval` or `once`.
    pub schedule_type: String,
    /// As it was given.
    pub schedule_value: String,
    /// The schedule in words.
    pub schedule: String,
    /// Zone of its local times.
    pub timezone: String,
    /// Which conversation it runs in.
    pub context_mode: ContextMode,
    /// Script that decides whether the model is woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_script: Option<String>,
    /// `active`, `paused` or `completed` (SC-12).
    pub status: String,
    /// When it runs next, as the clock in its zone will show it.
    #[serde(default)]
    pub next_run: Option<String>,
    /// Who made it.
    pub origin: TaskOrigin,
    /// Runs that failed since the last one that did not.
    pub failures_in_row: u32,
}

impl Task {
    /// The task in full.
    pub fn listed(&self) -> ListedTask {
        let (spec, zone) = (&self.spec, self.spec.zone);
        let next = self.next_due.filter(|_| self.state == TaskState::Active);
        ListedTask {
            id: self.id.clone(),
            group: spec.group.clone(),
            chat: spec.chat.clone(),
            prompt: spec.prompt.clone(),
            schedule_type: spec.schedule.kind().as_str().to_owned(),
            schedule_value: spec.schedule.value(),
            schedule: spec.schedule.to_string(),
            timezone: zone.name().to_owned(),
            context_mode: spec.context_mode,
            check_script: spec.check_script.clone(),
            status: self.state.as_nanoclaw().to_owned(),
            next_run: next.map(|at| shown_in(at, zone)),
            origin: self.origin,
            failures_in_row: self.failures_in_row,
        }
    }

    /// The task with as much of its prompt and script as a list of many has room for.
    pub fn listed_briefly(&self) -> ListedTask {
        let task = self.listed();
        ListedTask {
            prompt: cut(&task.prompt),
            check_script: task.check_script.as_deref().map(cut),
            ..task
        }
    }
}

/// The beginning of a text, with a mark where it was cut.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(PROMPT_SHOWN_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
