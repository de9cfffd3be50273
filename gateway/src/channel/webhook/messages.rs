//! `POST /v1/webhooks/{hook}/messages`: a hook's platform delivers a message.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::{HeaderMap, StatusCode};
use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, InboundEvent};
use proto::trace::TraceContext;

use super::callback::IDEMPOTENCY_HEADER;
use super::hook::Hook;
use super::signature::{Claim, NotSigned};
use super::wire::{Message, Posted, PostedStatus};
use super::{CHANNEL, WebhookApi};
use crate::http::{ApiError, parse_body, read_body};
use crate::intake::Taken;

/// Header with the trace of a request (W3C Trace Context).
const TRACE_HEADER: &str = "traceparent";
/// Longest id or name in a message, in bytes; platforms' own are far shorter.
const NAME_BYTES_MAX: usize = 200;

pub(super) async fn post(
    State(api): State<WebhookApi>,
    Path(hook): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Posted>), ApiError> {
    let hook = api.hook(&hook)?;
    let (parts, body) = request.into_parts();
    let now = api.clock.now();
    // The headers first: who did not even try to sign does not get a body read.
    let claim = Claim::read(&parts.headers, now)?;
    let body = read_body(body).await?;
    claim.verify(hook.secret(), &body)?;
    let message: Message = parse_body(&body)?;
    let key = idempotency_key(&parts.headers, &message)?;
    for (field, value) in [("chat", &message.chat), ("sender", &message.sender)] {
        check_name(field, value)?;
    }
    let seen = ChatSeen {
        id: hook.chat_id(&message.chat),
        channel: CHANNEL.to_owned(),
        account: hook.name.clone(),
        name: None,
        is_group_chat: None,
        seen_at: now,
        parent: None,
    };
    let event = InboundEvent {
        trace: trace(&parts.headers),
        ..event(hook, message, &key, &seen)
    };
    let status = match api.intake.take(&seen, event, hook.group.as_ref()).await? {
        // The answer to a command is a reply like any other.
        Taken::Accepted | Taken::Command => PostedStatus::Accepted,
        Taken::Context => PostedStatus::Context,
        Taken::Duplicate => PostedStatus::Duplicate,
        Taken::Unregistered => PostedStatus::IgnoredUnregistered,
        // A hook's events are never the assistant's own.
        Taken::Dropped | Taken::Own => PostedStatus::Dropped,
    };
    Ok((StatusCode::ACCEPTED, Json(Posted { status })))
}

fn event(hook: &Hook, message: Message, key: &str, seen: &ChatSeen) -> InboundEvent {
    let mut sender_name = message.sender_name.unwrap_or_else(|| message.sender.clone());
    if sender_name.len() > NAME_BYTES_MAX {
        sender_name.truncate(sender_name.floor_char_boundary(NAME_BYTES_MAX));
    }
    InboundEvent {
        dedup_key: format!("{CHANNEL}:{}:{key}", hook.name),
        chat: seen.id.clone(),
        sender: message.sender,
        sender_name,
        text: message.text,
        sent_at: message.sent_at.unwrap_or(seen.seen_at),
        is_from_me: false,
        is_bot: false,
        trace: None,
        addressed: Addressed::No,
        kind: EventKind::Message,
        quote: None,
        files: Vec::new(),
    }
}

/// The trace that the platform's request belongs to, if it says so readably.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get(TRACE_HEADER)?.to_str().ok()?).ok()
}

fn idempotency_key(headers: &HeaderMap, message: &Message) -> Result<String, ApiError> {
    let key = match headers.get(IDEMPOTENCY_HEADER) {
        Some(value) => value
            .to_str()
            .map_err(|_| ApiError::bad_request("the header Idempotency-Key must be printable ASCII"))?,
        None => message.id.as_deref().ok_or_else(|| {
            ApiError::bad_request(
                "give each message its own id, in the header Idempotency-Key or as \"id\" in the body, \
                 and repeat it when you send the message again",
            )
        })?,
    };
    check_name("id", key)?;
    Ok(key.to_owned())
}

fn check_name(field: &str, value: &str) -> Result<(), ApiError> {
    if value.is_empty() || value.len() > NAME_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "\"{field}\" must be 1 to {NAME_BYTES_MAX} bytes of text without control characters"
        )));
    }
    Ok(())
}

impl From<NotSigned> for ApiError {
    fn from(reason: NotSigned) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_signed", reason.to_string())
    }
}
