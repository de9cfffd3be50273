//! An OAuth token that is renewed before it ends, and once when it is refused (CP-D2).
//!
//! One renewal at a time for all runs: the lock is held while it is under way, and who waited finds the new token. It runs in
//! a task of its own, because an agent that hangs up must not interrupt it between the rotation of the refresh token and
//! its being kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use proto::time::{Clock, Monotonic, Timestamp};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use service::config::Secret;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::credentials::Credential;
use super::error::ApiError;
use super::metrics::Metrics;
use super::token_file::TokenFile;
use super::upstream::describe;

/// Where tokens are renewed unless configured otherwise.
const TOKEN_URL: &str = "https://console.anthropic.com/v1/oauth/token";
/// The public client id under which refresh tokens of this kind are issued; not a secret.
const CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
/// Renewed this long before the end, so that a request that is sent now still finds it valid.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// A renewal that takes longer has failed.
const RENEWAL_TIME: Duration = Duration::from_secs(30);
/// A failed renewal is not repeated sooner: many agents at once must not hammer the endpoint.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Assumed when the answer names no end.
const LIFETIME_DEFAULT: u64 = 3_600;
/// Largest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Such a token.
pub(super) struct Renewable {
    shared: Arc<Shared>,
    renewals: TaskTracker,
}

struct Shared {
    client: Client,
    url: String,
    clock: Arc<dyn Clock>,
    file: TokenFile,
    metrics: Metrics,
    state: Mutex<State>,
}

struct State {
    access: Option<Access>,
    refresh_token: String,
    failed: Option<(Monotonic, ApiError)>,
}

struct Access {
    credential: Credential,
    /// Unknown for a token from the configuration: it is used until it is refused.
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

impl Renewable {
    pub(super) fn new(
        access: Option<&Secret>,
        refresh: &Secret,
        url: Option<&str>,
        data_dir: &Path,
        client: Client,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let file = TokenFile::new(data_dir, refresh.expose());
        let state = match file.load() {
            Some(kept) => {
                let credential = Credential::bearer(&kept.access_token)?;
                let access = Access {
                    credential,
                    expires_at: Some(kept.expires_at),
                };
                State {
                    access: Some(access),
                    refresh_token: kept.refresh_token,
                    failed: None,
                }
            }
            None => {
                let credential = access.map(|token| Credential::bearer(token.expose())).transpose()?;
                let access = credential.map(|credential| Access {
                    credential,
                    expires_at: None,
                });
                State {
                    access,
                    refresh_token: refresh.expose().trim().to_owned(),
                    failed: None,
                }
            }
        };
        let url = url.unwrap_or(TOKEN_URL).to_owned();
        let shared = Shared {
            client,
            url,
            clock,
            file,
            metrics,
            state: Mutex::new(state),
        };
        Ok(Self {
            shared: Arc::new(shared),
            renewals: TaskTracker::new(),
        })
    }

    /// The token, renewed first when it is about to end.
    pub(super) async fn current(&self) -> Result<Credential, ApiError> {
        self.other_than(None).await
    }

    /// A token in place of one that was refused. A renewal that someone else did meanwhile serves.
    pub(super) async fn instead_of(&self, refused: &Credential) -> Result<Credential, ApiError> {
        self.other_than(Some(refused.clone())).await
    }

    async fn other_than(&self, refused: Option<Credential>) -> Result<Credential, ApiError> {
        let now = self.shared.clock.now();
        if let Some(credential) = self.shared.state.lock().await.usable(now + MARGIN, refused.as_ref()) {
            return Ok(credential);
        }
        let shared = Arc::clone(&self.shared);
        let renewal = self.renewals.spawn(async move { shared.renew(refused).await });
        renewal
            .await
            .unwrap_or_else(|_| Err(ApiError::upstream("the renewal of the OAuth token was interrupted")))
    }
}

impl State {
    /// The token, if it is valid until `until` and not the refused one.
    fn usable(&self, until: Timestamp, refused: Option<&Credential>) -> Option<Credential> {
        let access = self.access.as_ref()?;
        let lasts = access.expires_at.is_none_or(|end| until < end);
        (lasts && refused != Some(&access.credential)).then(|| access.credential.clone())
    }
}

impl Shared {
    async fn renew(&self, refused: Option<Credential>) -> Result<Credential, ApiError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(credential) = state.usable(now + MARGIN, refused.as_ref()) {
            return Ok(credential);
        }
        let outcome = match &state.failed {
            Some((when, error)) if self.clock.monotonic().since(*when) < PAUSE_AFTER_FAILURE => Err(error.clone()),
            _ => self.ask_and_keep(&mut state, now).await,
        };
        outcome.or_else(|error| {
            // A token that still lasts a little is better than none.
            state.usable(now, refused.as_ref()).ok_or(error)
        })
    }

    async fn ask_and_keep(&self, state: &mut State, now: Timestamp) -> Result<Credential, ApiError> {
        let granted = self.ask(&state.refresh_token).await;
        self.metrics.renewal(granted.is_ok());
        let granted = granted.inspect_err(|error| {
            tracing::error!(reason = error.message, "the OAuth token could not be renewed");
            state.failed = Some((self.clock.monotonic(), error.clone()));
        })?;
        state.failed = None;
        let expires_at = now + Duration::from_secs(granted.expires_in.unwrap_or(LIFETIME_DEFAULT));
        if let Some(rotated) = granted.refresh_token {
            state.refresh_token = rotated;
        }
        if let Err(error) = self.file.save(&granted.access_token, &state.refresh_token, expires_at) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                error,
                "renewed OAuth tokens could not be kept: after a restart a new login may be needed"
            );
        }
        let credential = Credential::bearer(&granted.access_token);
        let credential = credential.map_err(|error| ApiError::upstream(format!("the renewed token: {error}")))?;
        state.access = Some(Access {
            credential: credential.clone(),
            expires_at: Some(expires_at),
        });
        tracing::info!("the OAuth token was renewed");
        Ok(credential)
    }

    async fn ask(&self, refresh_token: &str) -> Result<Granted, ApiError> {
        let failed = |why: String| ApiError::upstream(format!("the OAuth token could not be renewed: {why}"));
        let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": CLIENT_ID });
        let request = self.client.post(&self.url).timeout(RENEWAL_TIME).json(&body);
        let mut response = request.send().await.map_err(|error| failed(describe(error)))?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(describe(error)))? {
            answer.extend_from_slice(&chunk);
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(failed("the answer is too large".to_owned()));
            }
        }
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            let why = format!("the OAuth login has ended (HTTP {status}): log in again and set the new refresh token");
            return Err(ApiError::no_credential(StatusCode::UNAUTHORIZED, why));
        }
        if !status.is_success() {
            return Err(failed(format!("HTTP {status}")));
        }
        // The error of a malformed answer could quote a token.
        serde_json::from_slice(&answer).map_err(|_| failed("the answer is malformed".to_owned()))
    }
}
