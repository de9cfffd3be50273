//! Renews OAuth tokens: `POST /v1/oauth/token` with the `refresh_token` grant.
//!
//! Answers in the words of RFC 6749 §5. Takes JSON bodies, as the Agent SDK sends them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::credentials::OauthAccount;
use super::ids;

/// Access tokens remembered. Older ones count as unknown; a client holds one or two.
const ACCESS_TOKENS_MAX: usize = 16;

pub(super) struct Oauth {
    account: Option<Mutex<Account>>,
}

struct Account {
    refresh_token: String,
    lifetime: Duration,
    rotates: bool,
    access: VecDeque<(String, Instant)>,
}

/// What the double knows of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Valid,
    Expired,
    Unknown,
}

impl Oauth {
    pub(super) fn new(account: Option<&OauthAccount>) -> Self {
        let account = account.map(|account| {
            Mutex::new(Account {
                refresh_token: account.refresh_token.clone(),
                lifetime: account.access_lifetime,
                rotates: account.rotates_refresh_token,
                access: VecDeque::new(),
            })
        });
        Self { account }
    }

    pub(super) fn standing(&self, token: &str) -> Standing {
        let Some(account) = &self.account else {
            return Standing::Unknown;
        };
        let account = account.lock().unwrap_or_else(PoisonError::into_inner);
        match account.access.iter().find(|(known, _)| known == token) {
            Some((_, expires)) if Instant::now() < *expires => Standing::Valid,
            Some(_) => Standing::Expired,
            None => Standing::Unknown,
        }
    }

    /// Ends the life of every access token handed out so far.
    pub(super) fn expire_all(&self) {
        let Some(account) = &self.account else { return };
        let now = Instant::now();
        for (_, expires) in &mut account.lock().unwrap_or_else(PoisonError::into_inner).access {
            *expires = now;
        }
    }

    /// Answers a token request.
    pub(super) fn renew(&self, body: &Value) -> (StatusCode, Value) {
        let refuse = |error: &str, why: &str| {
            (
                StatusCode::BAD_REQUEST,
                json!({ "error": error, "error_description": why }),
            )
        };
        if body["grant_type"] != "refresh_token" {
            return refuse("unsupported_grant_type", "Only the refresh_token grant is supported");
        }
        let (Some(offered), Some(_)) = (body["refresh_token"].as_str(), body["client_id"].as_str()) else {
            return refuse("invalid_request", "refresh_token and client_id are required");
        };
        let right = self
            .account
            .as_ref()
            .map(|account| account.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(mut account) = right.filter(|account| account.refresh_token == offered) else {
            return refuse("invalid_grant", "Refresh token not found or invalid");
        };
        (StatusCode::OK, account.renew())
    }
}

impl Account {
    fn renew(&mut self) -> Value {
        let access = ids::mint("sk-ant-oat");
        if self.access.len() >= ACCESS_TOKENS_MAX {
            self.access.pop_front();
        }
        self.access.push_back((access.clone(), Instant::now() + self.lifetime));
        if self.rotates {
            self.refresh_token = ids::mint("sk-ant-ort");
        }
        json!({
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": self.lifetime.as_secs(),
            "refresh_token": self.refresh_token,
            "scope": "user:inference user:profile",
        })
    }
}
