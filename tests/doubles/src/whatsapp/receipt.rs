//! `POST …/messages` with a status: the business has read a message, and may be typing.

use serde_json::{Value, json};

use super::double::WhatsAppDouble;
use super::error::GraphError;
use super::send::text;

/// Marks a person's message as read.
pub(super) fn mark(double: &WhatsAppDouble, body: &Value) -> Result<Value, GraphError> {
    if body["messaging_product"] != "whatsapp" || body["status"] != "read" {
        return Err(GraphError::invalid("Only the status \"read\" can be set."));
    }
    let id = text(body, "message_id").ok_or_else(|| GraphError::missing("message_id"))?;
    let mut state = double.state();
    let from = state.received.get(id).cloned();
    let from = from.ok_or_else(|| GraphError::invalid("Message ID is invalid."))?;
    state.read.insert(id.to_owned());
    if let Some(indicator) = body.get("typing_indicator") {
        if indicator["type"] != "text" {
            return Err(GraphError::invalid("typing_indicator['type'] must be \"text\"."));
        }
        state.typing.push(from);
    }
    Ok(json!({ "success": true }))
}
