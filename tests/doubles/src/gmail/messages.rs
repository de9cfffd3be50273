//! `users/me/messages` and `users/me/threads`.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::error::GoogleError;
use super::search;
use super::state::{Change, MAILS_MAX, State, Stored, headers};
use crate::platform::Call;

/// Mails on one page, unless it is said.
const PAGE: usize = 100;
/// How long an account may not send once it has sent too much.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Mails on one page at most.
const PAGE_MAX: usize = 500;

pub(super) fn list(state: &State, call: &Call, now_ms: u64) -> Result<Value, GoogleError> {
    let query = call.query.get("q").map_or("", String::as_str);
    let label = call.query.get("labelIds");
    let page: usize = call
        .query
        .get("maxResults")
        .and_then(|max| max.parse().ok())
        .unwrap_or(PAGE);
    let start: usize = match call.query.get("pageToken") {
        Some(token) => token.parse().map_err(|_| GoogleError::invalid("Invalid pageToken"))?,
        None => 0,
    };
    let visible = |mail: &&Stored| {
        mail.indexed_ms <= now_ms
            && label.is_none_or(|label| mail.labels.contains(label))
            && search::is_found(state, mail, query)
    };
    // Mails are many; the one asked for by its id is found at once.
    let found: Vec<&Stored> = match search::message_id(query) {
        Some(id) => {
            let known = state.by_message_id.get(id).into_iter().flatten();
            known.filter_map(|id| state.mails.get(id)).filter(visible).collect()
        }
        None => state.mails.values().rev().filter(visible).collect(),
    };
    let page = page.clamp(1, PAGE_MAX);
    let entries: Vec<Value> = found
        .iter()
        .skip(start)
        .take(page)
        .map(|mail| json!({ "id": mail.id, "threadId": mail.thread }))
        .collect();
    let mut answer = json!({ "resultSizeEstimate": found.len() });
    // As Gmail does: no list rather than an empty one.
    if !entries.is_empty() {
        answer["messages"] = entries.into();
    }
    if start + page < found.len() {
        answer["nextPageToken"] = (start + page).to_string().into();
    }
    Ok(answer)
}

pub(super) fn get(state: &State, id: &str, call: &Call) -> Result<Value, GoogleError> {
    let mail = state.mails.get(id).ok_or_else(GoogleError::not_found)?;
    shown(mail, call)
}

pub(super) fn thread(state: &State, id: &str, call: &Call) -> Result<Value, GoogleError> {
    let ids = state.threads.get(id).ok_or_else(GoogleError::not_found)?;
    let mails = ids.iter().filter_map(|id| state.mails.get(id));
    let messages: Result<Vec<Value>, GoogleError> = mails.map(|mail| shown(mail, call)).collect();
    Ok(json!({ "id": id, "historyId": state.history_id.to_string(), "messages": messages? }))
}

fn shown(mail: &Stored, call: &Call) -> Result<Value, GoogleError> {
    let mut shown = summary(mail);
    match call.query.get("format").map_or("full", String::as_str) {
        "minimal" => {}
        "raw" => shown["raw"] = URL_SAFE.encode(&mail.raw).into(),
        // Of a repeated parameter the base keeps the last, so all headers are shown.
        "metadata" | "full" => {
            let headers = mail
                .headers
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }));
            shown["payload"] = json!({ "headers": headers.collect::<Vec<_>>() });
        }
        other => return Err(GoogleError::invalid(format!("Invalid value at 'format': \"{other}\""))),
    }
    Ok(shown)
}

pub(super) fn summary(mail: &Stored) -> Value {
    json!({
        "id": mail.id,
        "threadId": mail.thread,
        "labelIds": mail.labels,
        "historyId": mail.history_id.to_string(),
        "internalDate": mail.internal_ms.to_string(),
        "sizeEstimate": mail.raw.len(),
    })
}

/// The mail that stands in the JSON of a send.
pub(super) fn raw(body: &Value) -> Result<Bytes, GoogleError> {
    let raw = body["raw"].as_str().filter(|raw| !raw.is_empty());
    let raw = raw.ok_or_else(|| {
        GoogleError::invalid("'raw' RFC822 payload message string or uploading message via /upload/* URL required")
    })?;
    let raw = URL_SAFE_NO_PAD.decode(raw.trim_end_matches('='));
    raw.map(Bytes::from)
        .map_err(|_| GoogleError::invalid("Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed"))
}

/// Sends a mail; `said` names its thread.
pub(super) fn send(
    state: &mut State,
    said: &Value,
    raw: Bytes,
    address: &str,
    now_ms: u64,
) -> Result<Value, GoogleError> {
    if !state.may_send {
        return Err(GoogleError::daily_sending(now_ms + DAY_MS));
    }
    let thread = said["threadId"].as_str();
    if thread.is_some_and(|thread| !state.threads.contains_key(thread)) {
        return Err(GoogleError::not_found());
    }
    if state.mails.len() >= MAILS_MAX {
        return Err(GoogleError::invalid("The mailbox of this stand-in is full"));
    }
    let headers = headers(&raw);
    let has = |name: &str, part: &str| {
        let mut given = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        given.any(|(_, value)| value.to_lowercase().contains(part))
    };
    if !has("to", "@") {
        return Err(GoogleError::invalid("Recipient address required"));
    }
    if !has("from", &address.to_lowercase()) {
        return Err(GoogleError::invalid("Invalid From header"));
    }
    let mail = state.put(raw, &["SENT"], thread, now_ms);
    Ok(json!({ "id": mail.id, "threadId": mail.thread, "labelIds": ["SENT"] }))
}

pub(super) fn modify(state: &mut State, id: &str, body: &Value) -> Result<Value, GoogleError> {
    let named = |key: &str| -> Vec<String> {
        let labels = body[key].as_array().into_iter().flatten();
        labels.filter_map(|label| label.as_str().map(str::to_owned)).collect()
    };
    let (added, removed) = (named("addLabelIds"), named("removeLabelIds"));
    for label in added.iter().chain(&removed) {
        let is_known = state.labels.contains_key(label) || label.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        if !is_known {
            return Err(GoogleError::invalid(format!("labelId not found: {label}")));
        }
    }
    let mail = state.mails.get_mut(id).ok_or_else(GoogleError::not_found)?;
    let fresh: Vec<String> = added
        .into_iter()
        .filter(|label| mail.labels.insert(label.clone()))
        .collect();
    let gone: Vec<String> = removed.into_iter().filter(|label| mail.labels.remove(label)).collect();
    for (change, labels) in [(Change::LabelsAdded, fresh), (Change::LabelsRemoved, gone)] {
        if !labels.is_empty() {
            let history_id = state.note(change, id, labels);
            if let Some(mail) = state.mails.get_mut(id) {
                mail.history_id = history_id;
            }
        }
    }
    state.mails.get(id).map(summary).ok_or_else(GoogleError::not_found)
}
