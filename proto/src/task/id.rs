//! Identity of a task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdSource;

/// Identity of a task: `task-1773482400000-a1b2c3` as NanoClaw's agents choose it (MCP-04), `task-<uuid>` as we do, or the
/// name an operator gave it.
///
/// It arrives from sandboxes and ends up in rows, log fields and answers: only letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

/// Why a text cannot be a task id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a task id: use 1 to {max} letters, digits, '-' or '_'; list_tasks shows the ids there are", max = TaskId::LENGTH_MAX)]
pub struct InvalidTaskId {
    /// What was given, cut to a printable length.
    pub text: String,
}

impl TaskId {
    /// Longest task id, in bytes.
    pub const LENGTH_MAX: usize = 64;

    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidTaskId`] for an empty or long text, or one with other signs.
    pub fn parse(text: &str) -> Result<Self, InvalidTaskId> {
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len());
        if fits
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTaskId {
                text: text.chars().take(80).collect(),
            })
        }
    }

    /// Draws a fresh id.
    pub fn fresh(ids: &dyn IdSource) -> Self {
        Self(format!("task-{}", ids.uuid().simple()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskId {
    type Error = InvalidTaskId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl FromStr for TaskId {
    type Err = InvalidTaskId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
