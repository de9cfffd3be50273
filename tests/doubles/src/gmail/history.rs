//! `users/me/history`: what changed since.

use serde_json::{Value, json};

use super::error::GoogleError;
use super::messages::summary;
use super::state::{Change, Event, State};
use crate::platform::Call;

/// Changes on one page, unless it is said.
const PAGE: usize = 100;

pub(super) fn list(state: &State, call: &Call) -> Result<Value, GoogleError> {
    let start = call
        .query
        .get("startHistoryId")
        .and_then(|start| start.parse::<u64>().ok());
    let start = start.ok_or_else(|| GoogleError::invalid("Missing or malformed startHistoryId"))?;
    if start < state.history_from || start > state.history_id {
        return Err(GoogleError::not_found());
    }
    let page: usize = call
        .query
        .get("maxResults")
        .and_then(|max| max.parse().ok())
        .unwrap_or(PAGE);
    let from: usize = call
        .query
        .get("pageToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let wanted = call.query.get("historyTypes").map(String::as_str);
    let label = call.query.get("labelId");
    let is_wanted = |event: &&Event| {
        let mail = state.mails.get(&event.mail);
        event.id > start
            && wanted.is_none_or(|wanted| wanted == kind(event.change))
            && label.is_none_or(|label| mail.is_some_and(|mail| mail.labels.contains(label)))
    };
    let events: Vec<&Event> = state.history.iter().filter(is_wanted).collect();
    let entries: Vec<Value> = events
        .iter()
        .skip(from)
        .take(page)
        .map(|event| entry(state, event))
        .collect();
    let mut answer = json!({ "historyId": state.history_id.to_string() });
    if !entries.is_empty() {
        answer["history"] = entries.into();
    }
    if from + page < events.len() {
        answer["nextPageToken"] = (from + page).to_string().into();
    }
    Ok(answer)
}

fn kind(change: Change) -> &'static str {
    match change {
        Change::Added => "messageAdded",
        Change::LabelsAdded => "labelAdded",
        Change::LabelsRemoved => "labelRemoved",
    }
}

fn entry(state: &State, event: &Event) -> Value {
    let mail = state.mails.get(&event.mail).map_or(Value::Null, summary);
    let short = json!({ "id": mail["id"], "threadId": mail["threadId"] });
    let key = match event.change {
        Change::Added => "messagesAdded",
        Change::LabelsAdded => "labelsAdded",
        Change::LabelsRemoved => "labelsRemoved",
    };
    let mut entry = json!({ "id": event.id.to_string(), "messages": [short] });
    entry[key] = json!([{ "message": mail, "labelIds": event.labels }]);
    entry
}
