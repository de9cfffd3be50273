//! The webhook: Telegram calls us with one update at a time, and a secret that nobody else knows.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use proto::time::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::receive::Way;
use super::wire::{Update, WebhookInfo};
use super::{ReceiveError, TelegramChannel};
use crate::channel::Inbound;
use crate::intake::Refused;

/// Header in which Telegram shows the secret.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// How Telegram calls us.
pub(super) struct Webhook {
    /// Where.
    pub(super) url: String,
    /// Showing this.
    pub(super) secret: String,
}

impl Webhook {
    /// Below a public address. The secret follows from the token, so that every gateway knows it and nobody has to set it.
    pub(super) fn new(public_url: &str, account: &str, token: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("any length of key is taken");
        mac.update(b"clawhold: secret of the Telegram webhook");
        Self {
            url: format!("{}{}", public_url.trim_end_matches('/'), path(account)),
            secret: hex::encode(mac.finalize().into_bytes()),
        }
    }

    /// What is wrong, by what Telegram says of the webhook that was set at `set_at`.
    pub(super) fn trouble(&self, info: &WebhookInfo, set_at: Timestamp) -> Option<ReceiveError> {
        if info.url != self.url {
            return Some(ReceiveError::Conflict(
                "somebody else set another webhook for this bot, or polls with its token: give every installation a bot \
                 of its own"
                    .to_owned(),
            ));
        }
        let failed_at = info
            .last_error_date
            .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)))?;
        let why = info.last_error_message.as_deref().unwrap_or("no reason given");
        (failed_at > set_at).then(|| {
            ReceiveError::Failed(format!(
                "Telegram cannot call {} ({why}): is it reachable from outside?",
                self.url
            ))
        })
    }
}

fn path(account: &str) -> String {
    format!("/telegram/{account}")
}

/// The endpoint.
pub(super) fn routes(channel: Arc<TelegramChannel>, inbound: Inbound) -> Router {
    let path = path(&channel.account);
    let handle = move |headers: HeaderMap, body: Bytes| {
        let (channel, inbound) = (Arc::clone(&channel), inbound.clone());
        async move { called(&channel, &inbound, &headers, &body).await }
    };
    Router::new().route(&path, post(handle))
}

async fn called(channel: &TelegramChannel, inbound: &Inbound, headers: &HeaderMap, body: &[u8]) -> StatusCode {
    let Some(webhook) = &channel.webhook else {
        return StatusCode::NOT_FOUND;
    };
    let shown = headers.get(SECRET_HEADER).map_or(&[][..], |value| value.as_bytes());
    if !bool::from(shown.ct_eq(webhook.secret.as_bytes())) {
        return StatusCode::UNAUTHORIZED;
    }
    let update: Update = match serde_json::from_slice(body) {
        Ok(update) => update,
        Err(error) => {
            // Called again it would be no better, and hold up all that comes after it.
            tracing::warn!(%error, "an update of Telegram is not understood");
            return StatusCode::OK;
        }
    };
    let Ok(me) = channel.me().await else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    match channel.take(&Way::Inbound(inbound), &update, me).await {
        Ok(()) => StatusCode::OK,
        Err(Refused::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Err(refused) => {
            let error = &refused as &dyn std::error::Error;
            tracing::warn!(error, "an update of Telegram was not taken");
            StatusCode::OK
        }
    }
}
