//! NanoClaw's own container contract, so that its images run unmodified: one JSON object on stdin ([`input`]), framed
//! outputs on stdout ([`output`], [`frames`]), and a directory of JSON files in both directions ([`files`], [`follow_up`],
//! [`snapshot`]).
//!
//! It knows the formats only: who may do what is decided by the host, and reading the files safely is the mailbox's matter.
//! Fields in which a file says who it comes from (`groupFolder`, `isMain`, `createdBy`) are ignored: the directory is the
//! identity (IPC-01).

pub mod files;
pub mod follow_up;
pub mod frames;
pub mod input;
pub mod output;
pub mod snapshot;

pub use files::{InvalidFile, parse_message_file, parse_task_file};
pub use follow_up::{encode_follow_up, follow_up_file_name};
pub use frames::{FrameParser, Parsed};
pub use input::ContainerInput;
pub use output::{InvalidOutput, Output, Status};
pub use snapshot::{AvailableGroup, GroupsSnapshot, TaskSnapshot};

/// Where the directory of both directions is mounted (CR-06).
pub const IPC_DIR: &str = "/workspace/ipc";
/// Follow-ups from the host, below [`IPC_DIR`].
pub const INPUT: &str = "input";
/// Messages of the agent, below [`IPC_DIR`].
pub const MESSAGES: &str = "messages";
/// Requests of the agent, below [`IPC_DIR`].
pub const TASKS: &str = "tasks";
/// File below [`INPUT`] whose presence ends the input stream (AR-05).
pub const CLOSE: &str = "_close";
/// Snapshot of the tasks, below [`IPC_DIR`] (IPC-20).
pub const TASKS_SNAPSHOT: &str = "current_tasks.json";
/// Snapshot of the groups, below [`IPC_DIR`] (IPC-21).
pub const GROUPS_SNAPSHOT: &str = "available_groups.json";
/// Largest file taken from an agent, in bytes. A message is a chat message, a task holds a prompt: 1 MiB is generous.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Subtype of the error result when the session to resume no longer exists (AR-D2): the host forgets the session instead of
/// failing with it for ever.
pub const SESSION_NOT_FOUND: &str = "error_session_not_found";

#[cfg(test)]
mod tests;
