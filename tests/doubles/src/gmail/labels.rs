//! `users/me/labels`.

use serde_json::{Value, json};

use super::error::GoogleError;
use super::state::State;

/// Labels every mailbox has.
const SYSTEM: [&str; 5] = ["INBOX", "SENT", "UNREAD", "SPAM", "TRASH"];
/// Labels of a user at most.
const LABELS_MAX: usize = 10_000;

pub(super) fn list(state: &State) -> Value {
    let system = SYSTEM
        .iter()
        .map(|name| json!({ "id": name, "name": name, "type": "system" }));
    let own = state
        .labels
        .iter()
        .map(|(id, name)| json!({ "id": id, "name": name, "type": "user" }));
    json!({ "labels": system.chain(own).collect::<Vec<_>>() })
}

pub(super) fn create(state: &mut State, body: &Value) -> Result<Value, GoogleError> {
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GoogleError::invalid("Invalid label name"))?;
    if state.labels.values().any(|known| known.eq_ignore_ascii_case(name)) || state.labels.len() >= LABELS_MAX {
        return Err(GoogleError::invalid("Label name exists or conflicts"));
    }
    let id = format!("Label_{}", state.next());
    state.labels.insert(id.clone(), name.to_owned());
    Ok(json!({ "id": id, "name": name, "type": "user" }))
}
