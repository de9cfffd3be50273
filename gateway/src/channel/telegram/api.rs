//! Calls of the Bot API for one bot: how far each got, and what Telegram says about it.

use std::time::Duration;

use proto::outbound::SendOutcome;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ReceiveError;
use super::wire::{Parameters, Reply, User};
use crate::rest::{Answered, Exchange, Rest};

/// One bot.
#[derive(Clone)]
pub(super) struct Api {
    calls: Rest,
    files: String,
}

/// Why a call brought no result.
#[derive(Clone, Debug)]
pub(super) enum CallError {
    /// It surely did not leave.
    NotSent(String),
    /// It may have been executed.
    Lost(String),
    /// Telegram refused it.
    Refused(Refusal),
}

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) says: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) migrated_to: Option<i64>,
}

impl Api {
    /// For the bot with this token.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn new(base_url: &str, token: &str) -> anyhow::Result<Self> {
        let base = base_url.trim_end_matches('/');
        Ok(Self {
            calls: Rest::new(&format!("{base}/bot{token}"), [token.to_owned()])?,
            files: format!("{base}/file/bot{token}"),
        })
    }

    /// A method with JSON parameters.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, parameters: &Value) -> Result<T, CallError> {
        self.make(self.request(method).json(parameters)).await
    }

    /// As [`Api::call`]; the answer may take this long.
    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &Value,
        longest: Duration,
    ) -> Result<T, CallError> {
        self.make(self.request(method).json(parameters).timeout(longest)).await
    }

    /// A request for a method, to be completed.
    pub(super) fn request(&self, method: &str) -> RequestBuilder {
        self.calls.request(Method::POST, method)
    }

    /// Makes a completed request.
    pub(super) async fn make<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        match self.calls.call(request).await {
            Exchange::NotSent { reason } => Err(CallError::NotSent(reason)),
            Exchange::Lost { reason } => Err(CallError::Lost(reason)),
            Exchange::Answered(answered) => result(&answered),
        }
    }

    /// Downloads a file by its path.
    pub(super) async fn download(&self, path: &str, bytes_max: usize) -> Exchange {
        let request = self.calls.request(Method::GET, &format!("{}/{path}", self.files));
        self.calls.call_up_to(request, bytes_max).await
    }

    /// Who the bot is.
    pub(super) async fn me(&self) -> Result<User, CallError> {
        self.call("getMe", &json!({})).await
    }
}

fn result<T: DeserializeOwned>(answered: &Answered) -> Result<T, CallError> {
    let status = answered.status.as_u16();
    let reply = answered.json::<Reply>();
    // A gateway in front of Telegram answered, or Telegram in trouble: whether the call was executed is unknown.
    if answered.status.is_server_error() {
        let says = reply.map(|reply| reply.description).unwrap_or_default();
        return Err(CallError::Lost(format!("the Bot API answered {status} {says}")));
    }
    match reply {
        Ok(reply) if reply.ok => serde_json::from_value(reply.result)
            .map_err(|error| CallError::Lost(format!("the Bot API's answer is not understood: {error}"))),
        Ok(reply) => Err(CallError::Refused(Refusal::new(
            reply.error_code,
            reply.description,
            &reply.parameters,
        ))),
        Err(error) if answered.status.is_success() => Err(CallError::Lost(error)),
        Err(error) => {
            let mut refusal = Refusal::new(status, error, &Parameters::default());
            refusal.retry_after = answered.retry_after();
            Err(CallError::Refused(refusal))
        }
    }
}

impl Refusal {
    fn new(code: u16, says: String, parameters: &Parameters) -> Self {
        let retry_after = parameters.retry_after.and_then(crate::rest::bounded);
        Self {
            code,
            says,
            retry_after,
            migrated_to: parameters.migrate_to_chat_id,
        }
    }

    /// Whether the token is not (any more) one of a bot. Telegram says 404 of what does not look like a token.
    pub(super) fn is_of_account(&self) -> bool {
        matches!(self.code, 401 | 404)
    }

    /// Whether the text may be taken in a plainer form: formatting can be broken, and in odd cases (tabs) longer than its source.
    pub(super) fn is_about_formatting(&self) -> bool {
        let complaints = ["can't parse entities", "message is too long", "caption is too long"];
        self.code == 400 && complaints.iter().any(|complaint| self.says.contains(complaint))
    }
}

impl CallError {
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::Lost(_) => None,
        }
    }

    /// What a send came to.
    pub(super) fn outcome(self) -> SendOutcome {
        let refusal = match self {
            Self::NotSent(reason) => {
                let retry_after = None;
                return SendOutcome::NotSent { reason, retry_after };
            }
            Self::Lost(reason) => return SendOutcome::Uncertain { reason },
            Self::Refused(refusal) => refusal,
        };
        let retry_after = refusal.retry_after;
        let reason = refusal.to_string();
        match refusal.code {
            429 => SendOutcome::NotSent { reason, retry_after },
            _ if refusal.is_of_account() => SendOutcome::AccountDown { reason, retry_after },
            _ => SendOutcome::Rejected { reason },
        }
    }

    /// What it means for the feed.
    pub(super) fn for_feed(self) -> ReceiveError {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) => ReceiveError::Failed(reason),
            Self::Refused(refusal) if refusal.is_of_account() => ReceiveError::Refused(format!(
                "{refusal}: the bot token was revoked or mistyped; ask @BotFather for it and set TELEGRAM_BOT_TOKEN"
            )),
            Self::Refused(refusal) if refusal.code == 409 => ReceiveError::Conflict(format!(
                "{refusal}. Another program polls with the same bot token (a second installation, or NanoClaw): stop it, \
                 or give this one a bot of its own"
            )),
            Self::Refused(refusal) => ReceiveError::Failed(refusal.to_string()),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telegram answered {}: {}", self.code, self.says)
    }
}
