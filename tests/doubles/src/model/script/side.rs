//! Requests the Agent SDK makes for itself: a title for the session, a summary when it compacts, a structured answer.
//!
//! They must get something usable, and must not count as a turn of the script.

use serde_json::{Map, Value, json};

use super::super::protocol::reply::Reply;
use super::super::protocol::request::ModelRequest;
use super::prompt;

/// Titles are cut to this many characters.
const TITLE_CHARS_MAX: usize = 50;

/// How the Agent SDK opens its request for a summary; it may offer tools with it.
const COMPACTION: &str = "Your task is to create a detailed summary of";

/// Answers a side request; `None` for a request that belongs to the script.
pub(super) fn reply(request: &ModelRequest) -> Option<Reply> {
    if request.last_user_text().contains(COMPACTION) {
        return Some(Reply::text(format!("<summary>\n{}\n</summary>", summary(request))));
    }
    if !request.tools.is_empty() {
        return None;
    }
    let title = title(request);
    let format = [
        &request.body()["output_config"]["format"],
        &request.body()["output_format"],
    ];
    let schema = format
        .into_iter()
        .find(|format| format["type"] == "json_schema")
        .map(|format| &format["schema"]);
    Some(Reply::text(match schema {
        Some(schema) => instance(schema, &title, 0).to_string(),
        None => title,
    }))
}

fn title(request: &ModelRequest) -> String {
    let text = prompt::newest_text(request.last_user_text());
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("Conversation");
    line.chars().take(TITLE_CHARS_MAX).collect()
}

fn summary(request: &ModelRequest) -> String {
    use super::super::protocol::request::Step;
    let lines = request.steps.iter().filter_map(|step| match step {
        Step::User(text) if !text.contains(COMPACTION) => Some(format!("User: {}", prompt::newest_text(text))),
        Step::Answer(text) => Some(format!("Assistant: {text}")),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Schemas may refer to themselves in ways this does not follow; deeper values are left out.
const SCHEMA_DEPTH_MAX: usize = 8;

/// The smallest value that fits a JSON schema, with `text` for every string.
fn instance(schema: &Value, text: &str, depth: usize) -> Value {
    if depth > SCHEMA_DEPTH_MAX {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            Value::Object(
                fields
                    .map(|(name, field)| (name.clone(), instance(field, text, depth + 1)))
                    .collect::<Map<_, _>>(),
            )
        }
        Some("array") => json!([]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(0),
        Some("null") => Value::Null,
        _ => json!(text),
    }
}
