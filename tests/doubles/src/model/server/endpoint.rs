//! The endpoints: which there are, and what each answers.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use super::super::protocol::error::ApiError;
use super::super::protocol::reply::{Fault, Reply, ReplyBlock};
use super::super::protocol::request::ModelRequest;
use super::super::protocol::{sse, tokens, validate};
use super::State;
use super::answer::{Received, json as json_answer, refused};
use super::body::{Body, Player};
use super::ids;
use crate::wire::Link;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Hello,
    Messages,
    CountTokens,
    OauthToken,
    WrongMethod,
    Unknown,
}

impl Endpoint {
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let (endpoint, allowed) = match path {
            "/api/hello" => (Self::Hello, matches!(*method, Method::GET | Method::HEAD)),
            "/v1/messages" => (Self::Messages, *method == Method::POST),
            "/v1/messages/count_tokens" => (Self::CountTokens, *method == Method::POST),
            "/v1/oauth/token" => (Self::OauthToken, *method == Method::POST),
            _ => (Self::Unknown, true),
        };
        if allowed { endpoint } else { Self::WrongMethod }
    }

    pub(super) fn asks_for_credentials(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}

pub(super) async fn handle(
    endpoint: Endpoint,
    state: &Arc<State>,
    link: Link,
    received: &Received,
) -> Result<Response<Body>, ApiError> {
    match endpoint {
        Endpoint::Hello => Ok(json_answer(StatusCode::OK, &json!({ "message": "hello" }))),
        Endpoint::Messages => Ok(messages(state, link, received).await),
        Endpoint::CountTokens => count_tokens(received),
        Endpoint::OauthToken => {
            let (status, body) = state.oauth.renew(&received.body);
            Ok(json_answer(status, &body))
        }
        Endpoint::WrongMethod => Err(ApiError::method_not_allowed()),
        Endpoint::Unknown => Err(ApiError::not_found("Not found")),
    }
}

fn count_tokens(received: &Received) -> Result<Response<Body>, ApiError> {
    well_formed(received)?;
    validate::count_request(&received.body)?;
    let count = tokens::estimate(received.body_bytes);
    Ok(json_answer(StatusCode::OK, &json!({ "input_tokens": count })))
}

async fn messages(state: &Arc<State>, link: Link, received: &Received) -> Response<Body> {
    let (standing, within_limit) = state.rate.charge();
    let outcome = match within_limit {
        Ok(()) => message(state, link, received).await,
        Err(refused) => Err(refused),
    };
    // The limit's headers ride on refusals too, and a 429 without them would not look like the real one.
    let mut response = outcome.unwrap_or_else(|error| refused(&error, &received.request_id));
    let used_up = response.status() == StatusCode::TOO_MANY_REQUESTS;
    standing.describe(response.headers_mut(), used_up);
    response
}

async fn message(state: &Arc<State>, link: Link, received: &Received) -> Result<Response<Body>, ApiError> {
    well_formed(received)?;
    let request = ModelRequest::parse(&received.headers, &received.body)?;
    if !request.model.starts_with("claude") {
        return Err(ApiError::not_found(format!("model: {}", request.model)));
    }
    let mut reply = state.script.reply(&request);
    tokio::time::sleep(reply.pace.before_headers).await;
    if let Some(stall) = reply.stall.take_if(|stall| stall.after_frames.is_none()) {
        state.gates.pass(&stall.name).await;
    }
    match &reply.fault {
        Some(Fault::Error(error)) => return Err(error.clone()),
        Some(Fault::ErrorAfter(_, error)) if !request.stream => return Err(error.clone()),
        Some(Fault::ResetBeforeHeaders) => link.reset().await,
        _ => {}
    }
    let envelope = envelope(&mut reply, &request, received.body_bytes);
    let frames = match request.stream {
        true => sse::events(&reply, &envelope),
        false => sse::pieces(&sse::message(&reply, &envelope).to_string()),
    };
    let mut player = Player::new(Arc::clone(state), link, frames);
    (player.pace, player.stall, player.fault) = (reply.pace, reply.stall, reply.fault);
    let mut response = Response::new(player.into_body());
    let kind = if request.stream {
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn well_formed(received: &Received) -> Result<(), ApiError> {
    if !received.headers.contains_key("anthropic-version") {
        return Err(ApiError::invalid_request("anthropic-version: header is required"));
    }
    match &received.malformed {
        Some(why) => Err(ApiError::invalid_request(format!(
            "The request body is not valid JSON: {why}"
        ))),
        None => Ok(()),
    }
}

fn envelope(reply: &mut Reply, request: &ModelRequest, body_bytes: usize) -> sse::Envelope {
    let cut = tokens::cut_to(reply, request.max_tokens);
    let stop_reason = match (cut, reply.calls_a_tool()) {
        (true, _) => "max_tokens",
        (false, true) => "tool_use",
        (false, false) => "end_turn",
    };
    let calls = reply
        .blocks
        .iter()
        .filter(|block| matches!(block, ReplyBlock::ToolUse { .. }));
    sse::Envelope {
        message_id: ids::mint("msg_"),
        tool_use_ids: calls.map(|_| ids::mint("toolu_")).collect(),
        model: request.model.clone(),
        stop_reason,
        usage: reply.usage.unwrap_or_else(|| tokens::usage(body_bytes, reply)),
    }
}
