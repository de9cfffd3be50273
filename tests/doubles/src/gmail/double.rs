//! The platform behind its HTTP port.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::error::GoogleError;
use super::oauth::Oauth;
use super::push::Watch;
use super::state::State;
use super::{history, labels, messages, push, upload};
use crate::platform::{Answer, Call, Platform, PlatformClock};

/// Largest body of JSON: about where the real service refuses one.
const JSON_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Gmail with one mailbox. Put on a port by [`crate::platform::start`].
pub struct GmailDouble {
    /// Its clock: tokens, watches and the search go by it.
    pub clock: PlatformClock,
    address: String,
    state: Mutex<State>,
    oauth: Mutex<Oauth>,
    watch: Mutex<Watch>,
    busy: AtomicU64,
}

impl GmailDouble {
    /// The mailbox of this address, empty.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self {
            clock: PlatformClock::default(),
            address: address.to_owned(),
            state: Mutex::default(),
            oauth: Mutex::default(),
            watch: Mutex::default(),
            busy: AtomicU64::new(0),
        }
    }

    /// The mailbox's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn oauth(&self) -> MutexGuard<'_, Oauth> {
        self.oauth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch_state(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call in whose token is good, and tells the time.
    fn admit(&self, call: &Call) -> Result<u64, GoogleError> {
        let now_ms = self.clock.now_ms();
        let token = call.authorization("bearer").ok_or_else(GoogleError::credentials)?;
        if !self.oauth().is_good(token, now_ms / 1_000) {
            return Err(GoogleError::credentials());
        }
        if !self.state().is_on {
            return Err(GoogleError::mail_is_off());
        }
        Ok(now_ms)
    }

    fn upload(&self, call: &Call) -> Result<Value, GoogleError> {
        let now_ms = self.admit(call)?;
        let (said, raw) = upload::read(call)?;
        messages::send(&mut self.state(), &said, raw, &self.address, now_ms)
    }

    fn gmail(&self, call: &Call, below: &[&str]) -> Result<Value, GoogleError> {
        let now_ms = self.admit(call)?;
        if call.body.len() > JSON_BYTES_MAX {
            return Err(GoogleError::too_large());
        }
        let body = || {
            call.json()
                .ok_or_else(|| GoogleError::invalid("Invalid JSON payload received."))
        };
        let get = call.method == Method::GET;
        match (get, below) {
            (true, ["profile"]) => {
                let state = self.state();
                let (mails, threads) = (state.mails.len(), state.threads.len());
                let history_id = state.history_id.to_string();
                Ok(
                    json!({ "emailAddress": self.address, "messagesTotal": mails, "threadsTotal": threads, "historyId": history_id }),
                )
            }
            (true, ["messages"]) => messages::list(&self.state(), call, now_ms),
            (true, ["messages", id]) => messages::get(&self.state(), id, call),
            (true, ["threads", id]) => messages::thread(&self.state(), id, call),
            (true, ["labels"]) => Ok(labels::list(&self.state())),
            (true, ["history"]) => history::list(&self.state(), call),
            (false, ["messages", "send"]) => {
                let said = body()?;
                messages::send(&mut self.state(), &said, messages::raw(&said)?, &self.address, now_ms)
            }
            (false, ["messages", id, "modify"]) => messages::modify(&mut self.state(), id, &body()?),
            (false, ["labels"]) => labels::create(&mut self.state(), &body()?),
            (false, ["watch"]) => push::watch(self, &body()?),
            (false, ["stop"]) => {
                self.watch_state().topic = None;
                Ok(json!({}))
            }
            _ => Err(GoogleError::not_found()),
        }
    }
}

fn answered(answer: Result<Value, GoogleError>) -> Answer {
    match answer {
        Ok(answer) => Answer::json(StatusCode::OK, &answer),
        Err(error) => error.answer(),
    }
}

#[async_trait]
impl Platform for GmailDouble {
    async fn answer(&self, call: Call) -> Answer {
        let now_s = self.clock.now_s();
        let path = call.path.trim_matches('/').to_owned();
        let segments: Vec<&str> = path.split('/').collect();
        match (&call.method, &segments[..]) {
            (&Method::GET, ["o", "oauth2", "v2", "auth"]) => self.oauth().consent(&call),
            (&Method::POST, ["token"]) => self.oauth().token(&call, now_s),
            (&Method::POST, ["revoke"]) => self.oauth().revoke(&call),
            (&Method::POST, ["device", "code"]) => Oauth::device_code(),
            (_, ["gmail", "v1", "users", "me", below @ ..]) => answered(self.gmail(&call, below)),
            (&Method::POST, ["upload", "gmail", "v1", "users", "me", "messages", "send"]) => {
                answered(self.upload(&call))
            }
            _ => GoogleError::not_found().answer(),
        }
    }

    fn busy(&self, _: &Call, retry_after: Duration) -> Answer {
        let retry_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        let until_ms = self.clock.now_ms().saturating_add(retry_ms);
        // Both are documented, and both occur.
        let code = match self.busy.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => 429,
            _ => 403,
        };
        GoogleError::user_rate(code, until_ms).answer()
    }

    fn is_effect(&self, call: &Call) -> bool {
        call.path.ends_with("/messages/send")
    }
}
