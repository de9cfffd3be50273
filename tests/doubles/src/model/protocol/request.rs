//! A request for a message, as scripts see it: the conversation flattened into steps.
//!
//! Built only from requests that passed validation. Does not know the form of Clawhold's prompts (see
//! [`script::prompt`](crate::model::script::prompt)).

use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use super::error::ApiError;
use super::validate;

/// One step of a conversation, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One text block of a user message, without the reminders that the Agent SDK's command-line tool mixes in.
    User(String),
    /// The text of an assistant message that ended the model's turn (it called no tool).
    Answer(String),
    /// A call of a tool.
    Call {
        /// `toolu_…`
        id: String,
        /// The tool's name.
        name: String,
        /// The tool's input.
        input: Value,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call.
        id: String,
        /// The text of the result.
        text: String,
        /// Whether the tool failed.
        is_error: bool,
    },
}

/// A validated request.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The model asked for.
    pub model: String,
    /// The limit of generated tokens.
    pub max_tokens: u64,
    /// Whether server-sent events are wanted.
    pub stream: bool,
    /// The conversation.
    pub steps: Vec<Step>,
    /// Names of the tools offered.
    pub tools: Vec<String>,
    loaded: Vec<String>,
    headers: HeaderMap,
    body: Arc<Value>,
}

impl ModelRequest {
    /// Checks and reads a request for a message.
    ///
    /// # Errors
    /// The error the API would answer with.
    pub fn parse(headers: &HeaderMap, body: &Arc<Value>) -> Result<Self, ApiError> {
        validate::message_request(body)?;
        Ok(Self {
            model: string(&body["model"]),
            max_tokens: body["max_tokens"].as_u64().unwrap_or(0),
            stream: body["stream"].as_bool().unwrap_or(false),
            steps: steps(&body["messages"]),
            tools: list(&body["tools"]).iter().map(|tool| string(&tool["name"])).collect(),
            loaded: loaded(&body["messages"]),
            headers: headers.clone(),
            body: Arc::clone(body),
        })
    }

    /// The newest text of the user, or an empty text.
    #[must_use]
    pub fn last_user_text(&self) -> &str {
        let newest = self.steps.iter().rev().find_map(|step| match step {
            Step::User(text) => Some(text.as_str()),
            _ => None,
        });
        newest.unwrap_or_default()
    }

    /// The steps since the model last ended its turn: user texts, calls and results so far.
    #[must_use]
    pub fn current_turn(&self) -> &[Step] {
        let last_answer = self.steps.iter().rposition(|step| matches!(step, Step::Answer(_)));
        &self.steps[last_answer.map_or(0, |index| index + 1)..]
    }

    /// The texts of the tool results of the current turn, oldest first.
    pub fn tool_results(&self) -> impl Iterator<Item = &str> {
        self.current_turn().iter().filter_map(|step| match step {
            Step::ToolResult { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether the model may call this tool: it is offered with its schema, or a search has loaded it since.
    #[must_use]
    pub fn offers(&self, tool: &str) -> bool {
        self.tools.iter().chain(&self.loaded).any(|name| name == tool)
    }

    /// A request header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }
}

/// What the Agent SDK's command-line tool writes for an assistant message that never came. No answer of a model.
const NO_ANSWER: &str = "No response requested.";

fn steps(messages: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    for (role, blocks) in merged(messages) {
        let calls = blocks.iter().any(|block| block["type"] == "tool_use");
        let mut answer = String::new();
        for block in blocks {
            match block["type"].as_str() {
                Some("text") if role == "assistant" => answer.push_str(block["text"].as_str().unwrap_or_default()),
                Some("text") => {
                    let text = block["text"].as_str().unwrap_or_default();
                    steps.extend(said_by_user(role, text).map(Step::User));
                }
                Some("tool_use") => steps.push(Step::Call {
                    id: string(&block["id"]),
                    name: string(&block["name"]),
                    input: block["input"].clone(),
                }),
                Some("tool_result") => steps.push(Step::ToolResult {
                    id: string(&block["tool_use_id"]),
                    text: text_of(&block["content"]),
                    is_error: block["is_error"].as_bool().unwrap_or(false),
                }),
                _ => {}
            }
        }
        if role == "assistant" && !calls && answer.trim() != NO_ANSWER {
            steps.push(Step::Answer(answer));
        }
    }
    steps
}

/// The tools whose schemas were loaded on demand: the results of a search refer to them.
fn loaded(messages: &Value) -> Vec<String> {
    let blocks = list(messages).iter().flat_map(|message| list(&message["content"]));
    let references = blocks
        .flat_map(|block| list(&block["content"]))
        .filter(|inner| inner["type"] == "tool_reference");
    references.map(|reference| string(&reference["tool_name"])).collect()
}

/// The messages as (role, blocks), neighbours of one role joined, as the API joins them.
pub(crate) fn merged(messages: &Value) -> Vec<(&str, Vec<Value>)> {
    let mut joined: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in list(messages) {
        let role = message["role"].as_str().unwrap_or_default();
        let blocks = match &message["content"] {
            Value::String(text) => vec![serde_json::json!({ "type": "text", "text": text })],
            content => list(content).to_vec(),
        };
        match joined.last_mut() {
            Some((last, known)) if *last == role => known.extend(blocks),
            _ => joined.push((role, blocks)),
        }
    }
    joined
}

const REMINDER_OPEN: &str = "<system-reminder>";
const REMINDER_CLOSE: &str = "</system-reminder>";

/// What the command-line tool adds to the result of a search for tools.
const TOOL_LOADED: &str = "Tool loaded.";
/// How the command-line tool hands on what the user said while the model was at work: in a system message or a reminder.
const FOLLOW_UP: &str = "The user sent a new message while you were working:";

/// What it says after such a message.
const FOLLOW_UP_END: &str = "\n\nThis is how Claude Code surfaces";

/// What the user really said in a text block; `None` when the command-line tool speaks for itself.
fn said_by_user(role: &str, text: &str) -> Option<String> {
    let text = match role {
        "system" => follow_up(text)?.to_owned(),
        _ => without_reminders(text),
    };
    let said = text.trim();
    (!said.is_empty() && said != TOOL_LOADED).then_some(text)
}

fn without_reminders(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(REMINDER_OPEN) {
        let Some((reminder, tail)) = after.split_once(REMINDER_CLOSE) else {
            break;
        };
        kept.push_str(before);
        kept.push_str(follow_up(reminder).unwrap_or_default());
        rest = tail;
    }
    kept.push_str(rest);
    kept
}

fn follow_up(text: &str) -> Option<&str> {
    let (_, said) = text.split_once(FOLLOW_UP)?;
    Some(said.split_once(FOLLOW_UP_END).map_or(said, |(said, _)| said))
}

/// The elements of a JSON array; none for anything else.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        blocks => {
            let texts: Vec<&str> = list(blocks).iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n")
        }
    }
}
