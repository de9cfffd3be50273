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

/// The requests that exist, with their parameters.
pub mod requests {
    use serde::de::DeserializeOwned;

    use super::super::RequestError;
    use super::{Deserialize, Request, SessionId, Value};

    /// A request whose parameters were checked.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Call {
        /// Say something now.
        SendMessage(SendMessage),
        /// Say something now in another chat; NanoClaw's contract only (IPC-03).
        SendMessageTo(SendMessageTo),
        /// Register a chat as a group; from main only.
        RegisterGroup(RegisterGroup),
        /// Keep transcript lines.
        TranscriptAppend(TranscriptAppend),
        /// Give a transcript back.
        TranscriptLoad(TranscriptLoad),
    }

    impl Call {
        /// Checks a request.
        ///
        /// # Errors
        /// `bad_request` for parameters of the wrong shape, `not_found` for a method this runner does not offer.
        pub fn parse(request: &Request) -> Result<Self, RequestError> {
            match request.method.as_str() {
                "send_message" => params(request).map(Self::SendMessage),
                "send_message_to" => params(request).map(Self::SendMessageTo),
                "register_group" => params(request).map(Self::RegisterGroup),
                "transcript_append" => params(request).map(Self::TranscriptAppend),
                "transcript_load" => params(request).map(Self::TranscriptLoad),
                other => Err(RequestError {
                    code: "not_found".to_owned(),
                    message: format!("this runner has no method {other:?}"),
                }),
            }
        }
    }

    fn params<T: DeserializeOwned>(request: &Request) -> Result<T, RequestError> {
        T::deserialize(&request.params).map_err(|error| RequestError {
            code: "bad_request".to_owned(),
            message: format!("{}: {error}", request.method),
        })
    }

    /// `send_message` (MCP-01).
    #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
    pub struct SendMessage {
        /// Text to send.
        pub text: String,
        /// Role name to speak as.
        #[serde(default)]
        pub sender: Option<String>,
    }

    /// `send_message_to` (IPC-03).
    #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
    pub struct SendMessageTo {
        /// Chat to send to.
        pub jid: String,
        /// Text to send.
        pub text: String,
        /// Role name to speak as.
        #[serde(default)]
        pub sender: Option<String>,
    }

    /// `register_group` (MCP-08).
    #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
    pub struct RegisterGroup {
        /// Chat to register.
        pub jid: String,
        /// Name for people.
        pub name: String,
        /// Group id.
        pub folder: String,
        /// Trigger phrase.
        pub trigger: String,
        /// Whether the trigger is needed.
        #[serde(default)]
        pub requires_trigger: Option<bool>,
    }

    /// `transcript_append`.
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    pub struct TranscriptAppend {
        /// Session.
        pub session_id: SessionId,
        /// Part of the session kept apart (sub-agents).
        #[serde(default)]
        pub subpath: Option<String>,
        /// Transcript lines in order.
        pub entries: Vec<Value>,
    }

    /// `transcript_load`.
    #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
    pub struct TranscriptLoad {
        /// Session.
        pub session_id: SessionId,
        /// Part of the session kept apart (sub-agents).
        #[serde(default)]
        pub subpath: Option<String>,
    }
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
