//! Webhooks: anything that can sign an HTTP request is a chat platform. Each configured hook is one account.
//!
//! Messages come in as signed JSON; replies go to the hook's callback address, signed the same way, or wait to be polled.
//! The receiver deduplicates by the reply's id, so what may have been lost is sent again.

mod callback;
mod hook;
mod messages;
mod replies;

pub mod signature;
pub mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{get, post};
use bus::Hints;
use proto::outbound::{Delivery, Part, Resend, SendOutcome};
use proto::time::Clock;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::files::Files;
use crate::http::ApiError;
use crate::intake::Intake;
use callback::Callbacks;
pub use hook::{Hook, InvalidHook};

/// Name of this channel.
pub const CHANNEL: &str = "webhook";

/// One hook as delivery sees it.
pub struct WebhookChannel {
    hook: Arc<Hook>,
    callbacks: Option<Callbacks>,
}

impl WebhookChannel {
    /// Sends to the hook's callback address, if it has one.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(hook: Arc<Hook>, files: Files, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let callbacks = match &hook.callback_url {
            Some(url) => Some(Callbacks::new(url.clone(), files, clock)?),
            None => None,
        };
        Ok(Self { hook, callbacks })
    }
}

#[async_trait]
impl Channel for WebhookChannel {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        &self.hook.name
    }

    fn resend(&self) -> Resend {
        // Part of the contract: the receiver deduplicates by the idempotency key.
        Resend::Harmless
    }

    async fn send(&self, delivery: &Delivery, _: &Part) -> SendOutcome {
        match &self.callbacks {
            Some(callbacks) => callbacks.send(&self.hook, delivery).await,
            // The row itself is what is polled: it has arrived by being there.
            None => SendOutcome::Sent { platform_id: None },
        }
    }
}

/// What the endpoints of the hooks work with.
#[derive(Clone)]
pub struct WebhookApi {
    /// The hooks by name.
    pub hooks: Arc<BTreeMap<String, Arc<Hook>>>,
    /// Takes messages.
    pub intake: Arc<Intake>,
    /// Rows to poll.
    pub store: Arc<dyn Store>,
    /// Files of replies.
    pub files: Files,
    /// Wakes who polls.
    pub hints: Arc<dyn Hints>,
    /// Checks the time of signing.
    pub clock: Arc<dyn Clock>,
    /// Ends long polls.
    pub stop: CancellationToken,
}

impl WebhookApi {
    /// The endpoints below `/v1/webhooks`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/webhooks/{hook}/messages", post(messages::post))
            .route("/v1/webhooks/{hook}/chats/{chat}/replies", get(replies::get))
            .with_state(self)
    }

    fn hook(&self, name: &str) -> Result<&Arc<Hook>, ApiError> {
        self.hooks.get(name).ok_or_else(|| {
            ApiError::not_found("there is no such webhook: it is configured as [channels.webhook.<name>]")
        })
    }
}
