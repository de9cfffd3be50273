//! What an agent or an operator says of a task.

use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::wire::TaskSpecFields;
use super::{DueTask, FAILURES_IN_ROW_MAX, Misfire, Overlap};
use crate::ids::{ChatId, GroupId};
use crate::schedule::Schedule;
use crate::time::Timestamp;

/// Most tasks of one group that are not done: bounds what an agent that schedules without end can make us hold.
pub const TASKS_MAX: u32 = 500;
/// Longest prompt of a task, in bytes: as of a message.
pub const PROMPT_BYTES_MAX: usize = 256 * 1024;
/// Longest check script of a task, in bytes: what is longer belongs into a file of the workspace.
pub const CHECK_SCRIPT_BYTES_MAX: usize = 16 * 1024;

/// Which conversation a task runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextMode {
    /// The group's own (MCP-02).
    #[default]
    Group,
    /// A fresh one for each firing.
    Isolated,
}

impl ContextMode {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Isolated => "isolated",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Group, Self::Isolated]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }

    /// Reads a word from an agent: anything but `group` is isolated (IPC-07), nothing is `group` (MCP-02).
    pub fn from_agent(word: Option<&str>) -> Self {
        match word {
            None | Some("group") => Self::Group,
            Some(_) => Self::Isolated,
        }
    }
}

/// What happens when things do not go to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskPolicy {
    /// Missed instants.
    pub misfire: Misfire,
    /// Lateness beyond which an instant is never fired, in milliseconds; no limit when absent.
    pub max_lateness_ms: Option<u64>,
    /// A firing while an earlier one is unfinished.
    pub overlap: Overlap,
    /// Failures in a row after which the task is paused; zero for never.
    pub pause_after: u32,
}

impl Default for TaskPolicy {
    fn default() -> Self {
        Self {
            misfire: Misfire::default(),
            max_lateness_ms: None,
            overlap: Overlap::default(),
            pause_after: FAILURES_IN_ROW_MAX,
        }
    }
}

/// A task as it was asked for, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TaskSpecFields", into = "TaskSpecFields")]
pub struct TaskSpec {
    /// Group it works for.
    pub group: GroupId,
    /// Chat its answers go to.
    pub chat: ChatId,
    /// What the agent is told; never logged.
    pub prompt: String,
    /// When it is due.
    pub schedule: Schedule,
    /// Zone of its local times.
    pub zone: Tz,
    /// Which conversation it runs in.
    pub context_mode: ContextMode,
    /// Script run in the sandbox first: it decides whether the model is woken.
    pub check_script: Option<String>,
    /// When things do not go to plan.
    pub policy: TaskPolicy,
}

impl TaskSpec {
    /// The part of it that decides about firings, for a task due at `due`.
    pub fn due_at(&self, due: Timestamp) -> DueTask<'_> {
        DueTask {
            schedule: &self.schedule,
            zone: self.zone,
            due,
            misfire: self.policy.misfire,
            max_lateness: self.policy.max_lateness_ms.map(Duration::from_millis),
        }
    }
}
