//! A firing as a row of its group's inbox: order, retry, dead letters and recovery are those of messages.
//!
//! Each firing is a turn of its own ([`crate::prompt::choose_batch`]), so its outcome, cost and duration are those of the
//! turn, and its answer goes to the task's chat.

use serde::{Deserialize, Serialize};

use super::{ContextMode, TaskId, TaskSpec};
use crate::inbound::{Details, Envelope};
use crate::time::Timestamp;

/// Sender of the inbox rows that are firings: no platform has such an id.
pub const FIRING_SENDER: &str = "scheduler";
/// Its name for people.
pub const FIRING_SENDER_NAME: &str = "Scheduled task";

/// Which firing an inbox row is, and how it is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiringRef {
    /// The task.
    pub task: TaskId,
    /// The due instant.
    pub due_at: Timestamp,
    /// Which conversation it runs in.
    pub context: ContextMode,
    /// Script run in the sandbox first: it decides whether the model is woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_script: Option<String>,
}

impl FiringRef {
    /// Whether it runs in a session and a sandbox of its own.
    pub fn is_isolated(&self) -> bool {
        self.context == ContextMode::Isolated
    }
}

/// The inbox row of a firing of `task`, as the task is now.
pub fn firing_envelope(task: &TaskId, spec: &TaskSpec, due_at: Timestamp) -> Envelope {
    Envelope {
        dedup_key: format!("task:{task}:{}", due_at.as_millis()),
        group: spec.group.clone(),
        chat: spec.chat.clone(),
        sender: FIRING_SENDER.to_owned(),
        sender_name: FIRING_SENDER_NAME.to_owned(),
        text: spec.prompt.clone(),
        sent_at: due_at,
        engages: true,
        trace: None,
        task: Some(FiringRef {
            task: task.clone(),
            due_at,
            context: spec.context_mode,
            check_script: spec.check_script.clone(),
        }),
        details: Details::default(),
    }
}
