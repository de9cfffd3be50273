//! Calls to Slack's Web API: who calls, and how far a call got.

use std::time::Duration;

use http::StatusCode;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Page, User};
use crate::channel::ReceiveError;
use crate::rest::{Answered, Exchange, Rest, timeout_for};

/// The Web API, with the tokens of one app.
pub(super) struct Api {
    rest: Rest,
    bot_token: String,
    app_token: Option<String>,
}

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// It surely did not leave.
    #[error("{0}")]
    NotSent(String),
    /// It may have been executed.
    #[error("{0}")]
    Lost(String),
    /// Slack asks to wait; nothing was executed.
    #[error("Slack asks to wait")]
    Busy(Option<Duration>),
    /// Slack's word for what is wrong.
    #[error("Slack says {0:?}{hint}", hint = hint(.0))]
    Said(String),
}

impl Api {
    pub(super) fn new(base: &str, bot_token: &str, app_token: Option<&str>) -> anyhow::Result<Self> {
        let secrets = [Some(bot_token), app_token];
        Ok(Self {
            rest: Rest::new(base, secrets.into_iter().flatten().map(str::to_owned))?,
            bot_token: bot_token.to_owned(),
            app_token: app_token.map(str::to_owned),
        })
    }

    pub(super) fn has_socket(&self) -> bool {
        self.app_token.is_some()
    }

    /// A call that reads: most of these take no JSON.
    pub(super) async fn read<T: DeserializeOwned>(&self, method: &str, query: &[(&str, &str)]) -> Result<T, CallError> {
        let request = self.rest.request(Method::POST, method).bearer_auth(&self.bot_token);
        self.call(with_form(request, query)).await
    }

    /// A call that does something.
    pub(super) async fn act<T: DeserializeOwned>(&self, method: &str, body: &Value) -> Result<T, CallError> {
        let request = self.rest.request(Method::POST, method).bearer_auth(&self.bot_token);
        self.call(request.json(body)).await
    }

    /// Where a new socket is opened; good for one.
    pub(super) async fn socket_url(&self) -> Result<String, CallError> {
        let token = self.app_token.as_deref().unwrap_or_default();
        let request = self
            .rest
            .request(Method::POST, "apps.connections.open")
            .bearer_auth(token);
        let answer: Value = self.call(request).await?;
        let url = answer["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| CallError::Lost("Slack gave no address for a socket".to_owned()))
    }

    /// Bytes to an address that Slack gave for them; it knows the file, so no token goes along.
    pub(super) async fn upload(&self, url: &str, bytes: bytes::Bytes, media_type: &str) -> Result<(), CallError> {
        let request = self.rest.request(Method::POST, url).header("content-type", media_type);
        match self
            .rest
            .call(request.timeout(timeout_for(bytes.len())).body(bytes))
            .await
        {
            Exchange::NotSent { reason } => Err(CallError::NotSent(reason)),
            Exchange::Lost { reason } => Err(CallError::Lost(reason)),
            Exchange::Answered(answered) if answered.status.is_success() => Ok(()),
            Exchange::Answered(answered) => Err(refused(&answered)),
        }
    }

    /// A file's bytes.
    pub(super) async fn download(&self, url: &str, bytes_max: usize) -> Exchange {
        let request = self.rest.request(Method::GET, url).bearer_auth(&self.bot_token);
        self.rest.call_up_to(request, bytes_max).await
    }

    /// A list by its pages, until there are no more or `pages_max` were read; whether it is whole.
    pub(super) async fn pages(
        &self,
        method: &str,
        query: &[(&str, &str)],
        pages_max: usize,
        mut each: impl FnMut(Page) + Send,
    ) -> Result<bool, CallError> {
        let mut cursor = String::new();
        for _ in 0..pages_max {
            let mut query = query.to_vec();
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page: Page = self.read(method, &query).await?;
            let next = page.response_metadata.next_cursor.clone();
            each(page);
            if next.is_empty() {
                return Ok(true);
            }
            cursor = next;
        }
        Ok(false)
    }

    pub(super) async fn user(&self, id: &str) -> Result<User, CallError> {
        #[derive(serde::Deserialize)]
        struct Found {
            user: User,
        }
        self.read("users.info", &[("user", id)])
            .await
            .map(|found: Found| found.user)
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let answered = match self.rest.call(request).await {
            Exchange::NotSent { reason } => return Err(CallError::NotSent(reason)),
            Exchange::Lost { reason } => return Err(CallError::Lost(reason)),
            Exchange::Answered(answered) => answered,
        };
        if !answered.status.is_success() {
            return Err(refused(&answered));
        }
        // A success that cannot be read may be one of the call's all the same.
        let value: Value = answered.json().map_err(CallError::Lost)?;
        if value["ok"] != true {
            return Err(CallError::Said(
                value["error"].as_str().unwrap_or("no reason given").to_owned(),
            ));
        }
        serde_json::from_value(value).map_err(|error| CallError::Lost(format!("the answer is not understood: {error}")))
    }
}

fn with_form(request: RequestBuilder, query: &[(&str, &str)]) -> RequestBuilder {
    let body = query
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect::<Vec<_>>()
        .join("&");
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

fn encoded(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}

/// An answer that is no success by its status alone.
fn refused(answered: &Answered) -> CallError {
    let status = answered.status;
    match status {
        StatusCode::TOO_MANY_REQUESTS => CallError::Busy(answered.retry_after()),
        StatusCode::SERVICE_UNAVAILABLE if answered.retry_after().is_some() => CallError::Busy(answered.retry_after()),
        StatusCode::UNAUTHORIZED => CallError::Said("invalid_auth".to_owned()),
        StatusCode::REQUEST_TIMEOUT => CallError::Lost("Slack answered 408".to_owned()),
        status if status.is_server_error() => CallError::Lost(format!("Slack answered {}", status.as_u16())),
        status => CallError::Said(format!("status {}", status.as_u16())),
    }
}

/// What Slack's words concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concerns {
    /// The whole account, until somebody acts.
    Account,
    /// Nothing was done; later it will be.
    Now,
    /// Nobody knows whether it was done.
    Unknown,
    /// This call, for ever.
    Call,
}

pub(super) fn concerns(word: &str) -> Concerns {
    match word {
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "not_allowed_token_type"
        | "org_login_required"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "team_added_to_org"
        | "access_denied" => Concerns::Account,
        "ratelimited" | "rate_limited" | "message_limit_exceeded" | "request_timeout" => Concerns::Now,
        // Slack's own words: some part of the operation may have succeeded.
        "internal_error" | "fatal_error" | "service_unavailable" => Concerns::Unknown,
        _ => Concerns::Call,
    }
}

/// What to do about it.
fn hint(word: &str) -> &'static str {
    match word {
        "not_in_channel" => ": invite the bot to the channel with /invite",
        "channel_not_found" => ": the channel does not exist, or is private and the bot is not in it",
        "is_archived" => ": the channel is archived",
        "missing_scope" => ": give the app the scopes that docs/channels/slack.md lists, and install it again",
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            ": install the app again and set its new token (SLACK_BOT_TOKEN, SLACK_APP_TOKEN)"
        }
        "not_allowed_token_type" => {
            ": SLACK_BOT_TOKEN is the token that begins with xoxb-, SLACK_APP_TOKEN the one with xapp-"
        }
        _ => "",
    }
}

impl From<CallError> for ReceiveError {
    fn from(error: CallError) -> Self {
        let reason = error.to_string();
        match error {
            CallError::Said(word) if matches!(concerns(&word), Concerns::Account) || word == "missing_scope" => {
                Self::Refused(reason)
            }
            CallError::NotSent(_) | CallError::Lost(_) | CallError::Busy(_) | CallError::Said(_) => {
                Self::Failed(reason)
            }
        }
    }
}
