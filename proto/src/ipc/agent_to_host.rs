//! What the agent-runner tells the runner. All of it comes from inside the sandbox and is checked as hostile input.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AGENT_FILE_BYTES_MAX, VERSION};
use crate::ids::{InboxOrd, SessionId};
use crate::turn::Usage;

/// A message from the agent-runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentMessage {
    /// It runs and has read its first message.
    Ready {
        /// Version of the agent-runner.
        agent_runner: String,
        /// Version of the Agent SDK.
        sdk: String,
    },
    /// The SDK's session is known.
    Session {
        /// Its id.
        session_id: SessionId,
        /// The session that should have been resumed and no longer exists (AR-D2).
        #[serde(default)]
        stale_session_id: Option<SessionId>,
    },
    /// Something to watch; may be lost.
    Progress(Progress),
    /// The model is done with what it was handed.
    Result(AgentResult),
    /// Asks for something to be done, and waits for the answer.
    Request(Request),
    /// It cannot go on and exits.
    Fatal {
        /// Machine-readable reason.
        code: String,
        /// Reason for people.
        message: String,
    },
}

/// A sign of life worth showing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is.
    pub kind: ProgressKind,
    /// A piece of text, or a tool's name.
    pub text: String,
}

/// Kinds of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressKind {
    /// The model writes.
    Text,
    /// The model uses a tool.
    Tool,
}

/// Subtype of the result of a prompt whose check decided that the model need not be woken. Ours, not the SDK's.
pub const NOT_WOKEN: &str = "not_woken";

/// The SDK's result, reported as what it is (AR-D1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentResult {
    /// The SDK's subtype: `success` or an `error_*`; or [`NOT_WOKEN`].
    pub subtype: String,
    /// Whether it is an error, whatever the subtype says.
    pub is_error: bool,
    /// The answer.
    #[serde(default)]
    pub text: Option<String>,
    /// Last inbox position answered by now; none when nothing new was consumed.
    #[serde(default)]
    pub consumed_through: Option<InboxOrd>,
    /// Session this belongs to.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// Model calls made.
    #[serde(default)]
    pub num_turns: u32,
    /// Time taken, milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Cost in US dollars.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// Tokens used.
    pub usage: Usage,
    /// Reason of an error.
    #[serde(default)]
    pub error: Option<String>,
}

/// A request of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The tool use it comes from, else a fresh id. The same id is the same request.
    pub id: String,
    /// What is asked for.
    pub method: String,
    /// Parameters, checked by the handler of the method.
    #[serde(default)]
    pub params: Value,
}

/// Why a file from the sandbox is refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMessage {
    /// Too large to read.
    #[error("the file has {bytes} bytes, more than the limit of {max}", max = AGENT_FILE_BYTES_MAX)]
    TooLarge {
        /// Size found.
        bytes: u64,
    },
    /// Another version of the contract.
    #[error("the message has contract version {found}, this runner speaks {VERSION}: rebuild the agent image")]
    Version {
        /// Version found.
        found: u64,
    },
    /// Not a message.
    #[error("the file is not a message of the contract: {0}")]
    Shape(#[from] serde_json::Error),
}

/// Reads the contents of a file from the sandbox.
///
/// # Errors
/// [`InvalidMessage`] for anything that is not exactly a message of this contract's version.
pub fn parse_agent_message(contents: &[u8]) -> Result<AgentMessage, InvalidMessage> {
    let bytes = contents.len() as u64;
    if bytes > AGENT_FILE_BYTES_MAX {
        return Err(InvalidMessage::TooLarge { bytes });
    }
    let value: Value = serde_json::from_slice(contents)?;
    let version = value
        .get("v")
        .and_then(Value::as_u64)
        .ok_or_else(|| serde_json::Error::custom("\"v\" is missing"))?;
    if version != u64::from(VERSION) {
        return Err(InvalidMessage::Version { found: version });
    }
    Ok(serde_json::from_value(value)?)
}
