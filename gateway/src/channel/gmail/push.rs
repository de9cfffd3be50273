//! Pushes of Cloud Pub/Sub: "look now". What one says is not used, so a forged one could only make us look.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::post;
use bus::Hint;
use http::StatusCode;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{ACCOUNT, CHANNEL, Gmail};

/// Where pushes come.
pub(super) const PATH: &str = "/v1/gmail/push";

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

/// The endpoint, if a token is configured.
pub(super) fn router(gmail: Arc<Gmail>) -> Router {
    match gmail.settings.push_token {
        Some(_) => Router::new().route(PATH, post(pushed)).with_state(gmail),
        None => Router::new(),
    }
}

async fn pushed(State(gmail): State<Arc<Gmail>>, Query(asked): Query<Asked>) -> StatusCode {
    let expected = gmail.settings.push_token.as_ref();
    // Of digests, so that the time it takes says nothing about the token.
    let is_ours = expected.is_some_and(|token| Sha256::digest(token.expose()) == Sha256::digest(&asked.token));
    if !is_ours {
        return StatusCode::FORBIDDEN;
    }
    // Heard by whoever holds the account, in whatever process: its deliveries look, and so does its feed.
    gmail.hints.publish(Hint::Outbox {
        channel: CHANNEL.to_owned(),
        account: ACCOUNT.to_owned(),
        row: None,
    });
    StatusCode::NO_CONTENT
}
