//! Which credentials the double accepts, and what it says to the others.
//!
//! Does not know how OAuth tokens are renewed (see [`oauth`](super::oauth)).

use std::time::Duration;

use http::HeaderMap;

use super::super::protocol::error::ApiError;
use super::oauth::{Oauth, Standing};

/// The API key a double accepts when nothing else is configured. It opens nothing in the real world.
pub const DEMO_API_KEY: &str = "sk-ant-api03-stand-in";

/// Without this beta the API does not take OAuth tokens.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// The credentials that are right.
#[derive(Clone)]
pub struct Credentials {
    /// Accepted in `x-api-key`.
    pub api_keys: Vec<String>,
    /// Long-lived tokens, accepted as `Authorization: Bearer`.
    pub oauth_tokens: Vec<String>,
    /// An account whose short-lived tokens are renewed at `/v1/oauth/token`.
    pub account: Option<OauthAccount>,
}

/// An account with renewable tokens.
#[derive(Clone)]
pub struct OauthAccount {
    /// The refresh token that is valid at the start.
    pub refresh_token: String,
    /// How long each access token lives.
    pub access_lifetime: Duration,
    /// Whether a renewal replaces the refresh token too, as the real service does.
    pub rotates_refresh_token: bool,
}

/// How a request proved who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A right API key.
    ApiKey,
    /// A right OAuth token with the beta header.
    Oauth,
    /// Refused, with the message the API answers.
    Refused(String),
    /// The endpoint asks for nothing.
    NotAsked,
}

impl Default for Credentials {
    fn default() -> Self {
        Self::api_key(DEMO_API_KEY)
    }
}

impl Credentials {
    /// One API key.
    pub fn api_key(key: impl Into<String>) -> Self {
        Self {
            api_keys: vec![key.into()],
            oauth_tokens: Vec::new(),
            account: None,
        }
    }

    /// One long-lived OAuth token.
    pub fn oauth_token(token: impl Into<String>) -> Self {
        Self {
            api_keys: Vec::new(),
            oauth_tokens: vec![token.into()],
            account: None,
        }
    }

    /// One account with renewable tokens.
    #[must_use]
    pub fn oauth_account(account: OauthAccount) -> Self {
        Self {
            api_keys: Vec::new(),
            oauth_tokens: Vec::new(),
            account: Some(account),
        }
    }

    /// Checks the headers of a request.
    pub(super) fn check(&self, oauth: &Oauth, headers: &HeaderMap) -> Auth {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(key) = text("x-api-key") {
            return match self.api_keys.iter().any(|right| right == key) {
                true => Auth::ApiKey,
                false => Auth::Refused("invalid x-api-key".to_owned()),
            };
        }
        let Some(token) = text("authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
            return Auth::Refused("x-api-key header is required".to_owned());
        };
        let betas = headers
            .get_all("anthropic-beta")
            .iter()
            .filter_map(|value| value.to_str().ok());
        if !betas
            .flat_map(|value| value.split(','))
            .any(|beta| beta.trim() == OAUTH_BETA)
        {
            return Auth::Refused("OAuth authentication is currently not supported.".to_owned());
        }
        if self.oauth_tokens.iter().any(|right| right == token) {
            return Auth::Oauth;
        }
        match oauth.standing(token) {
            Standing::Valid => Auth::Oauth,
            Standing::Expired => Auth::Refused(
                "OAuth token has expired. Please obtain a new token or refresh your existing token.".to_owned(),
            ),
            Standing::Unknown => Auth::Refused("Invalid bearer token".to_owned()),
        }
    }
}

impl Auth {
    /// The error a refused request gets.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        match self {
            Self::Refused(message) => Some(ApiError::authentication(message.clone())),
            Self::ApiKey | Self::Oauth | Self::NotAsked => None,
        }
    }
}
