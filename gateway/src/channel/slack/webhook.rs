//! The Events API: Slack calls us with one event at a time, signed, and comes again when it is not told within three seconds
//! that we have it. It is told when the event is stored, by any gateway.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::Slack;
use super::model::Callback;
use super::take::Way;
use crate::channel::Inbound;
use crate::intake::Refused;

/// Below the public address of the installation.
const PATH: &str = "/slack/events";

/// The endpoint, where a secret is set to check its callers by.
pub(super) fn routes(slack: Arc<Slack>, inbound: Inbound) -> Router {
    if slack.signatures.is_none() {
        return Router::new();
    }
    let handle = move |headers: HeaderMap, body: Bytes| {
        let (slack, inbound) = (Arc::clone(&slack), inbound.clone());
        async move { called(&slack, &inbound, &headers, &body).await }
    };
    Router::new().route(PATH, post(handle))
}

async fn called(slack: &Slack, inbound: &Inbound, headers: &HeaderMap, body: &[u8]) -> Response {
    let is_good = |signatures: &super::Signatures| signatures.is_good(headers, body, slack.clock.now());
    if !slack.signatures.as_ref().is_some_and(is_good) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let callback: Callback = match serde_json::from_slice(body) {
        Ok(callback) => callback,
        Err(error) => {
            // Called again it would be no better.
            tracing::warn!(%error, "a request of Slack's is not understood");
            return StatusCode::OK.into_response();
        }
    };
    match callback.kind.as_str() {
        "url_verification" => Json(json!({ "challenge": callback.challenge })).into_response(),
        "event_callback" => taken(slack, inbound, &callback).await.into_response(),
        _ => StatusCode::OK.into_response(),
    }
}

async fn taken(slack: &Slack, inbound: &Inbound, callback: &Callback) -> StatusCode {
    let Ok(me) = slack.me().await else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    match slack.take_event(Way::Inbound(inbound), me, &callback.event).await {
        Ok(()) => StatusCode::OK,
        Err(Refused::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Err(refused) => {
            let error = &refused as &dyn std::error::Error;
            tracing::warn!(error, "an event of Slack's was not taken");
            StatusCode::OK
        }
    }
}
