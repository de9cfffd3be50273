//! What the runner tells the agent-runner.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::VERSION;
use crate::ids::{GroupId, InboxOrd, SessionId, TurnId};

/// A message to the agent-runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostMessage {
    /// Always the first: who the agent is and what to do first.
    Start(Box<Start>),
    /// A follow-up during a turn, or the next turn in a warm sandbox.
    Prompt {
        /// What to hand to the model.
        prompt: Prompt,
    },
    /// The answer to a request.
    Answer(Answer),
    /// Finish what was handed over, then exit.
    Close {
        /// Why.
        reason: CloseReason,
    },
}

/// Contents of the first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The group the agent works for.
    pub group: StartGroup,
    /// The assistant's name.
    pub assistant_name: String,
    /// IANA zone of the times in prompts.
    pub timezone: String,
    /// Session to resume.
    pub session_id: Option<SessionId>,
    /// Names of the host's tools to offer to the model.
    pub tools: Vec<String>,
    /// Model to use, else the SDK's default.
    pub model: Option<String>,
    /// Limit of model calls in one turn.
    pub max_turns: Option<u32>,
    /// Limit of cost in one turn, US dollars.
    pub max_budget_usd: Option<f64>,
    /// The first prompt.
    pub prompt: Prompt,
}

/// The group as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartGroup {
    /// Identity.
    pub id: GroupId,
    /// Name for people.
    pub name: String,
    /// Whether it has the privileges of `main`.
    pub is_main: bool,
}

/// Text for the model, and how far it covers the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Turn it belongs to.
    pub turn_id: TurnId,
    /// Attempt at that turn, counted from 1.
    pub attempt: u32,
    /// Identity of the user message in the session; found again in the transcript.
    pub uuid: Uuid,
    /// Last inbox position it covers.
    pub through: InboxOrd,
    /// The text.
    pub text: String,
    /// What is asked in the sandbox before the model is woken for it. One that does not know of checks just wakes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Pictures that are shown to the model with the text. One that does not know of pictures shows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// A picture in the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where it is, from the workspace.
    pub path: String,
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    pub media_type: String,
}

/// A question that saves tokens: whether the model is needed at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Run by bash in the workspace. The last line of its output is JSON: `{"wake": false}` ends the prompt with the result
    /// [`super::NOT_WOKEN`]; `{"wake": true, "data": …}` wakes the model, which is shown the data. Anything else, or no end
    /// within 30 s, is the error `error_check`.
    pub script: String,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Id of the request.
    pub id: String,
    /// Whether it was done.
    pub ok: bool,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RequestError>,
}

impl Answer {
    /// Says yes.
    pub fn done(id: impl Into<String>, result: Value) -> Self {
        Self {
            id: id.into(),
            ok: true,
            result: Some(result),
            error: None,
        }
    }

    /// Says no, and why.
    pub fn refused(id: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        let error = RequestError {
            code: code.to_owned(),
            message: message.into(),
        };
        Self {
            id: id.into(),
            ok: false,
            result: None,
            error: Some(error),
        }
    }
}

/// Why a request was not done; the agent shows `message` to the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestError {
    /// Machine-readable reason: `bad_request`, `not_authorised`, `not_found`, `unavailable`.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
}

/// Why a sandbox is asked to finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Nothing happened for the idle time.
    Idle,
    /// Another group waits for its slot.
    Evicted,
    /// The runner is stopping.
    Drain,
}

/// Encodes a message as the contents of its file.
pub fn encode_host_message(message: &HostMessage) -> Vec<u8> {
    let mut value = json!(message);
    value["v"] = VERSION.into();
    value.to_string().into_bytes()
}
