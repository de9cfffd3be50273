//! Access tokens: kept until they end, made from the refresh token in the file.
//!
//! The file is read for each refresh, so a consent that was renewed holds without a restart. Invariant: a token reaches
//! Google alone, and no text that is said.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType as Kind};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RefreshToken, RequestTokenError, TokenResponse as _, TokenUrl,
};
use proto::time::{Clock, Monotonic};
use tokio::sync::Mutex;

use super::credentials::{Credentials, Keys};
use crate::config::Gmail as Settings;
use crate::rest::{Exchange, Rest};

/// How long before its end a token is not used any more: longer than a call may take.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token is used when Google does not say how long it is good.
const UNSTATED: Duration = Duration::from_secs(600);

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// The consent does not hold (any more): somebody must act.
    #[error("{0}; run `clawhold auth gmail`")]
    Refused(String),
    /// Not now.
    #[error("no access token: {0}")]
    Unavailable(String),
}

/// A call that did not come through.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CallFailed(String);

pub(super) type TokenClient = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Google's OAuth for one client.
pub(super) fn client(keys: &Keys, oauth_url: &str) -> anyhow::Result<TokenClient> {
    let url = TokenUrl::new(format!("{}/token", oauth_url.trim_end_matches('/')))?;
    Ok(BasicClient::new(ClientId::new(keys.client_id.clone()))
        .set_client_secret(ClientSecret::new(keys.client_secret.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(url))
}

/// Carries the calls of the OAuth library over our client.
pub(super) struct Carrier<'r>(pub(super) &'r Rest);

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = CallFailed;
    type Future = BoxFuture<'c, Result<HttpResponse, CallFailed>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(carry(self.0, request))
    }
}

async fn carry(rest: &Rest, request: HttpRequest) -> Result<HttpResponse, CallFailed> {
    let (parts, body) = request.into_parts();
    let call = rest.request(parts.method, &parts.uri.to_string());
    match rest.call(call.headers(parts.headers).body(body)).await {
        Exchange::Answered(answered) => {
            let mut response = HttpResponse::new(answered.body.to_vec());
            *response.status_mut() = answered.status;
            *response.headers_mut() = answered.headers;
            Ok(response)
        }
        Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(CallFailed(reason)),
    }
}

/// The access tokens of the mailbox.
pub(super) struct Tokens {
    keys_file: PathBuf,
    credentials_file: PathBuf,
    oauth_url: String,
    rest: Rest,
    clock: Arc<dyn Clock>,
    /// Held while one is made, so that many calls make one.
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: String,
    ends: Monotonic,
}

impl Tokens {
    pub(super) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self {
            keys_file: settings.keys_file.clone(),
            credentials_file: settings.credentials_file.clone(),
            oauth_url: settings.oauth_url.clone(),
            rest: Rest::new(&settings.oauth_url, [])?,
            clock,
            kept: Mutex::new(None),
        })
    }

    /// A token that is good; `refused` is one that Google does not take although its time has not come.
    pub(super) async fn get(&self, refused: Option<&str>) -> Result<String, TokenError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.monotonic();
        if let Some(kept) = &*kept
            && now < kept.ends
            && refused != Some(kept.token.as_str())
        {
            return Ok(kept.token.clone());
        }
        let (token, lasts) = self.refresh().await?;
        let ends = now + lasts.saturating_sub(MARGIN);
        *kept = Some(Kept {
            token: token.clone(),
            ends,
        });
        Ok(token)
    }

    /// Boxed, because the compiler cannot see through the library's future that it may cross threads.
    fn refresh(&self) -> BoxFuture<'_, Result<(String, Duration), TokenError>> {
        Box::pin(self.refresh_now())
    }

    async fn refresh_now(&self) -> Result<(String, Duration), TokenError> {
        let (keys_file, credentials_file) = (self.keys_file.clone(), self.credentials_file.clone());
        let read = move || anyhow::Ok((Keys::read(&keys_file)?, Credentials::read(&credentials_file)?));
        let files = tokio::task::spawn_blocking(read).await;
        let files = files.map_err(|error| TokenError::Unavailable(error.to_string()))?;
        let (keys, credentials) = files.map_err(|error| TokenError::Refused(format!("{error:#}")))?;
        let client = client(&keys, &self.oauth_url).map_err(|error| TokenError::Refused(error.to_string()))?;
        let carrier = Carrier(&self.rest);
        let refresh_token = RefreshToken::new(credentials.refresh_token);
        let answer = client
            .exchange_refresh_token(&refresh_token)
            .request_async(&carrier)
            .await;
        let answer = answer.map_err(token_error)?;
        let lasts = answer.expires_in().unwrap_or(UNSTATED);
        Ok((answer.access_token().secret().clone(), lasts))
    }
}

/// What a refusal means.
pub(super) fn token_error(error: RequestTokenError<CallFailed, BasicErrorResponse>) -> TokenError {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let reason = format!("Google refuses the credentials: {said}");
            match said.error() {
                Kind::InvalidGrant | Kind::InvalidClient | Kind::UnauthorizedClient | Kind::InvalidScope => {
                    TokenError::Refused(reason)
                }
                Kind::InvalidRequest | Kind::UnsupportedGrantType | Kind::Extension(_) => {
                    TokenError::Unavailable(reason)
                }
            }
        }
        RequestTokenError::Request(failed) => TokenError::Unavailable(failed.to_string()),
        // Its source would show what was answered, which may be a token.
        RequestTokenError::Parse(..) => TokenError::Unavailable("Google's answer is not understood".to_owned()),
        RequestTokenError::Other(reason) => TokenError::Unavailable(reason),
    }
}
