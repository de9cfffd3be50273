//! Calls to Discord's API: who we are, which bucket a call falls into, what an error means for who asked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, StatusCode};
use proto::time::Clock;
use reqwest::{Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;

use super::buckets::Buckets;
use super::model::{Problem, Snowflake};
use crate::channel::ReceiveError;
use crate::rest::{Answered, Exchange, Rest};

/// What Discord asks clients to call themselves; others are turned away before the API.
const AGENT: &str = concat!(
    "DiscordBot (https://github.com/clawhold/clawhold, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);
/// How often a read that was told to wait asks again.
const READS_MAX: u32 = 4;
/// Longest wait for a bucket that a read sits out.
const READ_WAIT_MAX: Duration = Duration::from_secs(15);

/// Discord's API for one bot.
pub(super) struct Api {
    rest: Rest,
    base: Url,
    token: String,
    authorization: HeaderValue,
    buckets: Buckets,
    clock: Arc<dyn Clock>,
}

/// Why a read brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The token is not accepted.
    Refused(String),
    /// The bot may not see it, or it does not exist.
    NoAccess(String),
    /// Anything that may pass.
    Failed(String),
}

impl From<CallError> for ReceiveError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(reason) => Self::Refused(reason),
            CallError::NoAccess(reason) | CallError::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl Api {
    pub(super) fn new(base: &str, token: &str, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bot {token}"))
            .context("DISCORD_BOT_TOKEN has characters that no token has")?;
        authorization.set_sensitive(true);
        Ok(Self {
            rest: Rest::new(base, [token.to_owned()])?,
            base: Url::parse(base).with_context(|| format!("{base:?} is no address"))?,
            token: token.to_owned(),
            authorization,
            buckets: Buckets::default(),
            clock,
        })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// The host the API is reached at.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub(super) fn is_official(&self) -> bool {
        self.host() == "discord.com"
    }

    /// A request in the bot's name.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.rest.request(method, path).header(USER_AGENT, AGENT);
        request.header(AUTHORIZATION, self.authorization.clone())
    }

    /// A request in nobody's name, to an address that Discord has given.
    pub(super) fn open(&self, url: &str) -> RequestBuilder {
        self.rest.request(Method::GET, url).header(USER_AGENT, AGENT)
    }

    pub(super) async fn fetch(&self, request: RequestBuilder, bytes_max: usize) -> Exchange {
        self.rest.call_up_to(request, bytes_max).await
    }

    /// How long the bucket of this route is used up.
    pub(super) fn bucket_wait(&self, route: &str) -> Option<Duration> {
        self.buckets.wait(route, self.clock.monotonic())
    }

    /// Makes one call, and keeps what it says about its bucket.
    pub(super) async fn call(&self, route: &str, request: RequestBuilder) -> Exchange {
        let exchange = self.rest.call(request).await;
        if let Exchange::Answered(answered) = &exchange {
            self.buckets.note(route, &answered.headers, self.clock.monotonic());
        }
        exchange
    }

    /// Reads something; waits for its bucket.
    pub(super) async fn get<T: DeserializeOwned>(&self, route: &str, path: &str) -> Result<T, CallError> {
        let mut failed = "it was not asked".to_owned();
        for _ in 0..READS_MAX {
            if let Some(wait) = self.bucket_wait(route) {
                tokio::time::sleep(wait.min(READ_WAIT_MAX)).await;
            }
            let answered = match self.call(route, self.request(Method::GET, path)).await {
                Exchange::Answered(answered) => answered,
                Exchange::NotSent { reason } | Exchange::Lost { reason } => return Err(CallError::Failed(reason)),
            };
            if answered.status.is_success() {
                return answered.json().map_err(CallError::Failed);
            }
            failed = said(&answered);
            match answered.status {
                StatusCode::TOO_MANY_REQUESTS => {
                    let wait = retry_after(&answered).unwrap_or(READ_WAIT_MAX);
                    tokio::time::sleep(wait.min(READ_WAIT_MAX)).await;
                }
                StatusCode::UNAUTHORIZED => return Err(CallError::Refused(refused())),
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => return Err(CallError::NoAccess(failed)),
                _ => break,
            }
        }
        Err(CallError::Failed(failed))
    }

    /// Shows that the bot is typing, for about ten seconds. Nothing depends on it.
    pub(super) async fn typing(&self, channel: Snowflake) {
        let path = format!("channels/{channel}/typing");
        let route = format!("POST {path}");
        if self.bucket_wait(&route).is_none() {
            let _ = self.call(&route, self.request(Method::POST, &path)).await;
        }
    }
}

/// What a person must do when the token is not accepted.
pub(super) fn refused() -> String {
    "Discord does not accept the token (401): reset it on the page \"Bot\" of the application and set DISCORD_BOT_TOKEN"
        .to_owned()
}

/// An error in Discord's own words, with its code.
pub(super) fn said(answered: &Answered) -> String {
    let status = answered.status.as_u16();
    match answered.json::<Problem>() {
        Ok(problem) if problem.code > 0 => {
            format!("Discord answered {status}: {} (code {})", problem.message, problem.code)
        }
        Ok(problem) if !problem.message.is_empty() => format!("Discord answered {status}: {}", problem.message),
        _ => format!("Discord answered {status}"),
    }
}

/// How long Discord asks to wait: its body is finer than its header.
pub(super) fn retry_after(answered: &Answered) -> Option<Duration> {
    let said = answered.json::<Problem>().ok().and_then(|problem| problem.retry_after);
    said.and_then(crate::rest::bounded).or_else(|| answered.retry_after())
}
