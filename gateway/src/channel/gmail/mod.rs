//! Gmail: one mailbox as an account, its threads as chats.
//!
//! Mail is read by the mailbox's history and answered in its thread under a `Message-ID` of our own, by which the mailbox
//! itself tells whether an answer left. The account is always `me`, Google's word for who consented: which mailbox that is
//! stands in the position of the feed. No credential reaches an agent (GM-D3 must not exist).

mod api;
mod compose;
mod consent;
mod credentials;
mod doubts;
mod events;
mod google;
mod mail;
mod model;
mod oauth;
mod push;
mod receive;
mod send;
#[cfg(test)]
mod tests;
mod tries;
mod upload;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::Router;
use bus::Hints;
use bytes::Bytes;
use proto::outbound::{Delivery, Part, Reconciled, Resend, SendOutcome};
use proto::time::Clock;

pub use consent::Consent;
pub use credentials::{Credentials, Keys};

use crate::channel::{Channel, ChannelDeps, Feed, FetchError, Inbound, ReceiveError};
use crate::config::Gmail as Settings;
use crate::files::Files;
use crate::rest::Rest;
use api::Api;
use doubts::Doubts;
use google::ApiError;
use oauth::Tokens;
use tries::Tries;

/// Name of this channel.
pub const CHANNEL: &str = "gmail";
/// The one account.
pub const ACCOUNT: &str = "me";

/// The mailbox.
pub struct Gmail {
    settings: Settings,
    api: Api,
    files: Files,
    clock: Arc<dyn Clock>,
    hints: Arc<dyn Hints>,
    doubts: Doubts,
    tries: Tries,
    /// The mailbox's address, once Gmail has said it.
    address: OnceLock<String>,
}

impl Gmail {
    /// The mailbox with these settings.
    ///
    /// # Errors
    /// When its addresses are not Google's, or no HTTP client can be made.
    pub fn new(settings: &Settings, deps: &ChannelDeps) -> anyhow::Result<Self> {
        settings.check_hosts()?;
        let tokens = Tokens::new(settings, Arc::clone(&deps.clock))?;
        Ok(Self {
            api: Api::new(Rest::new(&settings.api_url, [])?, tokens),
            settings: settings.clone(),
            files: deps.files.clone(),
            clock: Arc::clone(&deps.clock),
            hints: Arc::clone(&deps.hints),
            doubts: Doubts::default(),
            tries: Tries::default(),
            address: OnceLock::new(),
        })
    }

    async fn address(&self) -> Result<String, ApiError> {
        if let Some(address) = self.address.get() {
            return Ok(address.clone());
        }
        let address = self.api.profile().await?.email_address;
        Ok(self.address.get_or_init(|| address).clone())
    }
}

#[async_trait]
impl Channel for Gmail {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        ACCOUNT
    }

    fn resend(&self) -> Resend {
        Resend::Never
    }

    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        self.send_part(delivery, part).await
    }

    async fn reconcile(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        self.reconcile_part(delivery, part).await
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        self.receive_mail(feed).await
    }

    fn routes(self: Arc<Self>, _: Inbound) -> Router {
        push::router(self)
    }

    async fn fetch_file(&self, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let gone = || FetchError::Gone(format!("{reference:?} is no file of a mail"));
        let (id, index) = reference.split_once('/').ok_or_else(gone)?;
        let index = index.parse().map_err(|_| gone())?;
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(gone());
        }
        let message = self.api.message(id).await?;
        let bytes = message
            .raw
            .and_then(|raw| mail::decode(&raw))
            .and_then(|bytes| mail::file(&bytes, index))
            .ok_or_else(gone)?;
        match bytes.len() as u64 <= bytes_max {
            true => Ok(bytes.into()),
            false => Err(FetchError::TooLarge { bytes_max }),
        }
    }
}
