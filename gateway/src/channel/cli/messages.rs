//! `POST /v1/chats/{chat}/messages`: the owner writes.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use proto::inbound::{Addressed, EventKind, InboundEvent};

use super::wire::{Message, Posted, PostedStatus};
use super::{CHANNEL, CliApi, NAME_BYTES_MAX, OWNER, chat_seen, group_of};
use crate::http::{ApiError, JsonBody};
use crate::intake::Taken;

pub(super) async fn post(
    State(api): State<CliApi>,
    Path(chat): Path<String>,
    JsonBody(message): JsonBody<Message>,
) -> Result<(StatusCode, Json<Posted>), ApiError> {
    let group = group_of(&chat).ok_or_else(|| not_local(&chat))?;
    if message.id.is_empty() || message.id.len() > NAME_BYTES_MAX {
        return Err(ApiError::bad_request(format!(
            "\"id\" must be a unique text of 1 to {NAME_BYTES_MAX} bytes, for example a UUID"
        )));
    }
    let sender = message.sender.unwrap_or_else(|| OWNER.to_owned());
    if sender.len() > NAME_BYTES_MAX {
        return Err(ApiError::bad_request(format!(
            "\"sender\" is longer than {NAME_BYTES_MAX} bytes"
        )));
    }
    let now = api.clock.now();
    let seen = chat_seen(&group, &api.gateway, now);
    let event = InboundEvent {
        dedup_key: format!("{CHANNEL}:{OWNER}:{}", message.id),
        chat: seen.id.clone(),
        sender_name: sender.clone(),
        sender,
        text: message.text,
        sent_at: now,
        // The socket is open to the node's owner only (ML-07: self may always trigger).
        is_from_me: true,
        is_bot: false,
        trace: None,
        addressed: Addressed::No,
        kind: EventKind::Message,
        quote: None,
        files: Vec::new(),
    };
    let status = match api.intake.take(&seen, event, Some(&group)).await? {
        // The answer to a command is a reply like any other.
        Taken::Accepted | Taken::Command => PostedStatus::Accepted,
        Taken::Context => PostedStatus::Context,
        Taken::Duplicate => PostedStatus::Duplicate,
        Taken::Unregistered => return Err(ApiError::no_such_group(group.as_str())),
        // Neither happens to a message of the owner; said plainly in case it ever does.
        Taken::Dropped | Taken::Own => {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "refused",
                "the message was not taken",
            ));
        }
    };
    Ok((StatusCode::ACCEPTED, Json(Posted { status })))
}

/// The error for a chat that is no local one.
pub(super) fn not_local(chat: &str) -> ApiError {
    ApiError::not_found(format!(
        "{chat:?} is not a local chat: those are named {CHANNEL}:<group>"
    ))
}
