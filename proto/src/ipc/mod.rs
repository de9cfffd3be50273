//! Our own container contract, version 1: what the runner and the agent-runner write into each other's mailboxes.
//!
//! Each message is one JSON file, named by a sequence number, written by atomic rename. Golden examples of every
//! message live in `proto/fixtures/ipc/` and are read by the Rust and the TypeScript tests alike.
//! A file of the host stays until the agent has answered a prompt that came after it; then it may get other contents and another name,
//! so an agent reads each once, in order. A file of the agent is gone, or is [`SPARE`], as soon as the host has read it.
//! The mailbox directory is the identity: no field in a file says who speaks.

mod agent_to_host;
mod host_to_agent;
pub mod requests;

pub use agent_to_host::{
    AgentMessage, AgentResult, InvalidMessage, NOT_WOKEN, Progress, ProgressKind, Request, parse_agent_message,
};
pub use host_to_agent::{
    Answer, Check, CloseReason, HostMessage, Picture, Prompt, RequestError, Start, StartGroup, encode_host_message,
};

/// Version of this contract; a message with another one is refused.
pub const VERSION: u32 = 1;
/// Label of an image that speaks this contract; an image without it speaks NanoClaw's.
pub const CONTRACT_LABEL: &str = "dev.clawhold.contract";
/// Largest file taken from an agent, in bytes: bounds what a hostile sandbox can make the runner hold.
pub const AGENT_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Where the host's directory is mounted, read-only.
pub const IN_DIR: &str = "/clawhold/in";
/// Where the agent's directory is mounted.
pub const OUT_DIR: &str = "/clawhold/out";
/// Mailbox below both directories.
pub const MAILBOX: &str = "mail";
/// Name of the proxy's socket below [`IN_DIR`].
pub const PROXY_SOCKET: &str = "proxy.sock";
/// Name of the file whose modification time says that its writer lives.
pub const HEARTBEAT: &str = "heartbeat";

/// What the host makes of a message it has read: a file that the agent may write its next one into, under that one's temporary name. It
/// need not be there. Making and deleting a file for each message costs far more on a file system that keeps from using what was
/// deleted lately (ext4).
pub const SPARE: &str = ".spare.tmp";

/// File name of the message with this sequence number, counted from 1.
pub fn file_name(sequence: u64) -> String {
    format!("{sequence:020}.json")
}

/// Sequence number in a mailbox file's name; `None` for anything else, among it files still being written.
pub fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
