//! What the API refuses with `400 invalid_request_error`, worded as the API words it.
//!
//! Covers the mistakes a client of ours can make: missing fields, wrong roles, and calls of tools that do not pair up with
//! their results. It does not check what the models do with the fields (sampling, thinking, tool schemas).

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::ApiError;
use super::request::merged;

/// The API refuses a request with more cache breakpoints than this.
const CACHE_BREAKPOINTS_MAX: usize = 4;

/// Checks the body of `POST /v1/messages`.
pub(crate) fn message_request(body: &Value) -> Result<(), ApiError> {
    object(body)?;
    match &body["max_tokens"] {
        Value::Null => return Err(ApiError::invalid_request("max_tokens: Field required")),
        limit if !limit.is_i64() && !limit.is_u64() => {
            return Err(ApiError::invalid_request("max_tokens: Input should be a valid integer"));
        }
        limit if limit.as_u64().unwrap_or(0) == 0 => {
            return Err(ApiError::invalid_request(
                "max_tokens: must be greater than or equal to 1",
            ));
        }
        _ => {}
    }
    if !matches!(body["stream"], Value::Null | Value::Bool(_)) {
        return Err(ApiError::invalid_request("stream: Input should be a valid boolean"));
    }
    count_request(body)
}

/// Checks the body of `POST /v1/messages/count_tokens`.
pub(crate) fn count_request(body: &Value) -> Result<(), ApiError> {
    object(body)?;
    match &body["model"] {
        Value::String(model) if !model.is_empty() => {}
        Value::Null => return Err(ApiError::invalid_request("model: Field required")),
        _ => return Err(ApiError::invalid_request("model: Input should be a valid string")),
    }
    match &body["messages"] {
        Value::Array(messages) if messages.is_empty() => {
            return Err(ApiError::invalid_request("messages: at least one message is required"));
        }
        Value::Array(messages) => messages
            .iter()
            .enumerate()
            .try_for_each(|(index, message)| shape(index, message))?,
        Value::Null => return Err(ApiError::invalid_request("messages: Field required")),
        _ => return Err(ApiError::invalid_request("messages: Input should be a valid list")),
    }
    tools_pair_up(&body["messages"])?;
    cache_breakpoints(body)
}

fn object(body: &Value) -> Result<(), ApiError> {
    if body.is_object() {
        Ok(())
    } else {
        Err(ApiError::invalid_request("Input should be a valid dictionary"))
    }
}

fn shape(index: usize, message: &Value) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::invalid_request(text));
    match message["role"].as_str() {
        Some("user" | "assistant") => {}
        // Accepted between turns, never as an opening.
        Some("system") if index > 0 => {}
        Some(role) => {
            return refuse(format!(
                "messages: Unexpected role \"{role}\". The Messages API accepts a top-level `system` parameter, \
                 not \"system\" as an input message role."
            ));
        }
        None => return refuse(format!("messages.{index}.role: Field required")),
    }
    match &message["content"] {
        Value::String(text) if text.is_empty() && message["role"] == "user" => {
            refuse(format!("messages.{index}: user messages must have non-empty content"))
        }
        Value::String(_) => Ok(()),
        Value::Array(blocks) => blocks
            .iter()
            .enumerate()
            .try_for_each(|(at, block)| match block["type"].as_str() {
                None => refuse(format!("messages.{index}.content.{at}.type: Field required")),
                Some("text") if block["text"].as_str().is_none_or(str::is_empty) => {
                    refuse("messages: text content blocks must be non-empty".to_owned())
                }
                Some("tool_use")
                    if !block["id"].is_string() || !block["name"].is_string() || !block["input"].is_object() =>
                {
                    refuse(format!(
                        "messages.{index}.content.{at}.tool_use: id, name and input are required"
                    ))
                }
                Some("tool_result") if !block["tool_use_id"].is_string() => refuse(format!(
                    "messages.{index}.content.{at}.tool_result.tool_use_id: Field required"
                )),
                Some(_) => Ok(()),
            }),
        Value::Null => refuse(format!("messages.{index}.content: Field required")),
        _ => refuse(format!("messages.{index}.content: Input should be a valid list")),
    }
}

/// Every result follows the message with its call, and every call is answered by the very next message.
fn tools_pair_up(messages: &Value) -> Result<(), ApiError> {
    let mut open: BTreeSet<String> = BTreeSet::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, (role, blocks)) in merged(messages).into_iter().enumerate() {
        if index == 0 && role != "user" {
            return Err(ApiError::invalid_request(
                "messages: first message must use the \"user\" role",
            ));
        }
        if role == "system" {
            continue;
        }
        let ids = |kind: &str, key: &str| -> Vec<String> {
            let of_kind = blocks.iter().filter(|block| block["type"] == kind);
            of_kind
                .map(|block| block[key].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        for id in ids("tool_result", "tool_use_id") {
            if !open.remove(&id) {
                return Err(ApiError::invalid_request(format!(
                    "messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                     `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )));
            }
        }
        if let Some(id) = open.first() {
            return Err(ApiError::invalid_request(format!(
                "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each \
                 `tool_use` block must have a corresponding `tool_result` block in the next message.",
                index - 1
            )));
        }
        for id in ids("tool_use", "id") {
            if !seen.insert(id.clone()) {
                return Err(ApiError::invalid_request("messages: `tool_use` ids must be unique"));
            }
            open.insert(id);
        }
    }
    match open.first() {
        Some(id) => Err(ApiError::invalid_request(format!(
            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: {id}."
        ))),
        None => Ok(()),
    }
}

fn cache_breakpoints(body: &Value) -> Result<(), ApiError> {
    let found = count_breakpoints(&body["system"], 0)
        + count_breakpoints(&body["tools"], 0)
        + count_breakpoints(&body["messages"], 0);
    if found > CACHE_BREAKPOINTS_MAX {
        return Err(ApiError::invalid_request(format!(
            "A maximum of {CACHE_BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {found}."
        )));
    }
    Ok(())
}

/// Breakpoints sit on blocks, messages' content being at most this deep; a tool's input may nest without end.
const BREAKPOINT_DEPTH_MAX: usize = 6;

fn count_breakpoints(value: &Value, depth: usize) -> usize {
    match value {
        _ if depth > BREAKPOINT_DEPTH_MAX => 0,
        Value::Array(items) => items.iter().map(|item| count_breakpoints(item, depth + 1)).sum(),
        Value::Object(fields) => {
            let here = usize::from(fields.get("cache_control").is_some_and(Value::is_object));
            here + fields
                .get("content")
                .map_or(0, |content| count_breakpoints(content, depth + 1))
        }
        _ => 0,
    }
}
