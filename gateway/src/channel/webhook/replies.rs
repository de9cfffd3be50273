//! `GET /v1/webhooks/{hook}/chats/{chat}/replies?after=<seq>&wait=<seconds>`: polling for replies.
//!
//! Signed like a message, with the path and query as content. The rows are the truth; hints only shorten the wait.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use bus::Interest;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::hook::Hook;
use super::signature::Claim;
use super::wire::Replies;
use super::{CHANNEL, WebhookApi, callback};
use crate::http::{ApiError, Params};

/// Longest wait: shorter than what proxies on the way usually allow.
const WAIT_MAX_S: u64 = 30;
/// Replies in one answer.
const REPLIES_MAX: u32 = 100;
/// How often the rows are looked at while waiting, in case a hint was missed.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    after: i64,
    #[serde(default)]
    wait: u64,
}

pub(super) async fn get(
    State(api): State<WebhookApi>,
    Path((hook, chat)): Path<(String, String)>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let hook = api.hook(&hook)?;
    let (parts, _) = request.into_parts();
    let signed = parts.uri.path_and_query().map_or("", |path| path.as_str());
    Claim::read(&parts.headers, api.clock.now())?.verify(hook.secret(), signed.as_bytes())?;
    let Params(query) = Params::<Query>::read(&parts)?;
    if query.wait > WAIT_MAX_S {
        return Err(ApiError::bad_request(format!(
            "\"wait\" is at most {WAIT_MAX_S} seconds"
        )));
    }
    let until = Instant::now() + Duration::from_secs(query.wait);
    // Listening begins before the first look: a reply written in between wakes the wait.
    let mut hints = api.hints.listen(Interest::Outbox {
        channel: CHANNEL.to_owned(),
        account: hook.name.clone(),
    });
    loop {
        let replies = replies_after(&api, hook, &chat, query.after).await?;
        if !replies.replies.is_empty() || Instant::now() >= until || api.stop.is_cancelled() {
            return Ok(Json(replies));
        }
        let look_again = until.min(Instant::now() + SWEEP);
        tokio::select! {
            () = api.stop.cancelled() => {}
            // The time being up is a reason to look, like a hint.
            _ = timeout_at(look_again, hints.next()) => {}
        }
    }
}

async fn replies_after(api: &WebhookApi, hook: &Hook, chat: &str, after: i64) -> Result<Replies, ApiError> {
    let rows = api
        .store
        .deliveries_after(&hook.chat_id(chat), after, REPLIES_MAX)
        .await?;
    let mut replies = Vec::new();
    for row in &rows {
        let reply = callback::reply(hook, row, &api.files).await;
        let reply = reply.map_err(|error| ApiError::busy(error.to_string()))?;
        let is_large = reply.file.is_some();
        replies.push(reply);
        // One file in one answer.
        if is_large {
            break;
        }
    }
    let after = replies.last().map_or(after, |last| last.seq);
    Ok(Replies { replies, after })
}
