//! The bodies of notifications: what changed, in the frame that all have in common.

use serde_json::{Value, json};

use super::account::{BUSINESS_ACCOUNT_ID, DISPLAY_NUMBER, PHONE_NUMBER_ID};
use super::error::GraphError;
use super::sent::SentMessage;

/// One thing that changed.
pub(super) type Change = Value;

/// A person's message.
pub(super) fn message(from: &str, name: &str, message: Value) -> Change {
    change(json!({
        "contacts": [{ "profile": { "name": name }, "wa_id": from }],
        "messages": [message],
    }))
}

/// A state of a sent message.
pub(super) fn status(message: &SentMessage, status: &str, seconds: u64) -> Change {
    change(json!({ "statuses": [state_of(message, status, seconds)] }))
}

/// A sent message that will not arrive.
pub(super) fn failed(message: &SentMessage, seconds: u64, error: &GraphError) -> Change {
    let mut status = state_of(message, "failed", seconds);
    status["errors"] = json!([error.in_notification()]);
    change(json!({ "statuses": [status] }))
}

/// The body of one notification about these changes.
pub(super) fn body(changes: &[Change]) -> String {
    let whole = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": BUSINESS_ACCOUNT_ID, "changes": changes }],
    });
    escape(&whole.to_string())
}

fn state_of(message: &SentMessage, status: &str, seconds: u64) -> Value {
    let mut state = json!({
        "id": message.id,
        "status": status,
        "timestamp": seconds.to_string(),
        "recipient_id": message.to,
    });
    if let Some(data) = &message.callback_data {
        state["biz_opaque_callback_data"] = data.as_str().into();
    }
    state
}

fn change(mut value: Value) -> Change {
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({ "display_phone_number": DISPLAY_NUMBER, "phone_number_id": PHONE_NUMBER_ID });
    json!({ "field": "messages", "value": value })
}

/// Meta writes what is not ASCII, and slashes, as escapes, and signs what it wrote: whoever parses a body and writes it again
/// before the check does not get the same signature.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            _ if character.is_ascii() => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    escaped
}
