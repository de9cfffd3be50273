//! WhatsApp, by the Cloud API (Graph): one business number, one chat per person.
//!
//! What comes in is pushed to a [`webhook`]; what goes out are calls ([`api`]). The platform has no idempotency key and no
//! history, but it tells the states of messages with data we gave it: that settles what became of a send whose answer was
//! lost, and shows a message that failed after it had been accepted. Group chats are not part of the Cloud API.
//!
//! More than 24 hours after a person's last message only templates may be sent: then the text goes as the value of the
//! configured one ([`window`]).

mod api;
mod events;
mod format;
mod graph_error;
mod message;
mod notification;
mod receive;
mod recent;
mod send;
mod webhook;
mod window;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Limits, Part, ReceiptState, Reconciled, Resend, SendOutcome};
use proto::time::{Clock, Monotonic};
use service::config::Secret;
use store::Store;

use super::{Channel, ChannelDeps, Feed, FetchError, Inbound, ReceiveError};
use crate::config::WhatsApp;
use crate::files::Files;
use api::Api;
use recent::Recent;
use window::Window;

/// Name of the channel.
pub const CHANNEL: &str = "whatsapp";
/// What a chat's id ends with: a person's number comes before it (CH-06).
const PERSON: &str = "@s.whatsapp.net";
/// States of a message come within seconds, mostly within one. The question is a look at one row.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// "Is typing" is shown for 25 seconds.
const TYPING_EVERY: Duration = Duration::from_secs(20);

/// The business number.
pub struct WhatsAppChannel {
    phone_number_id: String,
    app_secret: Secret,
    verify_token: Secret,
    resend: Resend,
    api: Api,
    files: Files,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    window: Window,
    /// What was said last, for quotes.
    said: Recent<recent::Said>,
    /// Per chat: the person's newest message, which "is typing" refers to, and when it was last shown.
    heard: Recent<(String, Option<Monotonic>)>,
}

impl WhatsAppChannel {
    /// The channel, if there are credentials for it.
    ///
    /// # Errors
    /// When some of its settings are missing or cannot be used; says which and what to do.
    pub(super) fn configured(settings: &WhatsApp, deps: &ChannelDeps) -> anyhow::Result<Option<Self>> {
        let Some(account) = settings.account()? else {
            return Ok(None);
        };
        Ok(Some(Self {
            api: Api::new(settings, &account)?,
            phone_number_id: account.phone_number_id,
            app_secret: account.app_secret,
            verify_token: account.verify_token,
            resend: settings.resend.into(),
            files: deps.files.clone(),
            store: Arc::clone(&deps.store),
            clock: Arc::clone(&deps.clock),
            window: Window::new(settings.template.clone()),
            said: Recent::default(),
            heard: Recent::default(),
        }))
    }
}

#[async_trait]
impl Channel for WhatsAppChannel {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        &self.phone_number_id
    }

    fn resend(&self) -> Resend {
        self.resend
    }

    fn limits(&self, delivery: &Delivery) -> Limits {
        self.window.limits(delivery)
    }

    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        send::send(self, delivery, part).await
    }

    /// By what the platform has told of the message of this very attempt.
    async fn reconcile(&self, delivery: &Delivery, _: &Part) -> Reconciled {
        let known = self.store.receipt(delivery.id).await.ok().flatten();
        let Some(receipt) = known.filter(|receipt| receipt.attempt == delivery.attempts) else {
            return Reconciled::AskLater(ASK_AGAIN);
        };
        match receipt.state {
            ReceiptState::Sent | ReceiptState::Delivered | ReceiptState::Read => Reconciled::Arrived {
                platform_id: receipt.platform_id,
            },
            ReceiptState::Failed => Reconciled::NotArrived,
        }
    }

    /// The API shows it on the person's newest message, which it marks as read as well.
    async fn typing(&self, chat: &ChatId, on: bool) {
        let Some((message, shown)) = self.heard.get(chat.as_str()).filter(|_| on) else {
            return;
        };
        let now = self.clock.monotonic();
        if shown.is_none_or(|shown| now.since(shown) >= TYPING_EVERY) {
            self.heard.put(chat.as_str(), (message.clone(), Some(now)));
            self.api.mark_read(&message, true).await;
        }
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        receive::watch(&self.api, feed).await
    }

    fn routes(self: Arc<Self>, inbound: Inbound) -> Router {
        webhook::router(self, inbound)
    }

    async fn fetch_file(&self, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        self.api.download(reference, bytes_max).await
    }
}

/// The chat of a person.
fn chat_of(number: &str) -> ChatId {
    ChatId::new(format!("{number}{PERSON}"))
}

/// The number of a chat; none for a group, which the Cloud API does not have.
fn number_of(chat: &ChatId) -> Option<&str> {
    chat.as_str().strip_suffix(PERSON)
}
