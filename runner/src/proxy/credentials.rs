//! The real credential, shared by all runs (CP-03).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use proto::time::Clock;
use service::config::Secret;

use super::error::ApiError;
use super::metrics::Metrics;
use super::renewable::Renewable;
use super::upstream::Upstream;
use crate::config::Model;

/// What the proxy proves itself with.
pub struct Credentials(Kind);

enum Kind {
    /// None is configured: requests fail and say so.
    Missing,
    /// A key or a token that never changes.
    Fixed(Credential),
    /// A token that is renewed.
    Renewable(Renewable),
}

/// A credential as it goes into a header. Marked sensitive, so that no debug output shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// For `x-api-key`.
    ApiKey(HeaderValue),
    /// For `Authorization`, with its scheme.
    Bearer(HeaderValue),
}

impl Credentials {
    /// Reads the configuration: an API key goes before an OAuth token, and a refresh token makes the latter renewable.
    ///
    /// # Errors
    /// When a credential holds characters that no header may hold.
    pub(super) fn from_config(
        model: &Model,
        data_dir: &Path,
        upstream: &Upstream,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        Ok(Self(
            match (&model.api_key, &model.oauth_token, &model.oauth_refresh_token) {
                (Some(key), _, _) => Kind::Fixed(Credential::api_key(key)?),
                (None, access, Some(refresh)) => Kind::Renewable(Renewable::new(
                    access.as_ref(),
                    refresh,
                    model.oauth_token_url.as_deref(),
                    data_dir,
                    upstream.client.clone(),
                    clock,
                    metrics,
                )?),
                (None, Some(token), None) => Kind::Fixed(Credential::bearer(token.expose())?),
                (None, None, None) => Kind::Missing,
            },
        ))
    }

    /// Whether there is one at all.
    pub fn is_configured(&self) -> bool {
        !matches!(self.0, Kind::Missing)
    }

    /// The credential to use now.
    pub(super) async fn current(&self) -> Result<Credential, ApiError> {
        match &self.0 {
            Kind::Fixed(credential) => Ok(credential.clone()),
            Kind::Renewable(renewable) => renewable.current().await,
            Kind::Missing => {
                let why =
                    "no credential for the model API is configured: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN";
                Err(ApiError::no_credential(StatusCode::UNAUTHORIZED, why))
            }
        }
    }

    /// A credential in place of one that was just refused; none when there can be no other.
    pub(super) async fn instead_of(&self, refused: &Credential) -> Option<Result<Credential, ApiError>> {
        match &self.0 {
            Kind::Renewable(renewable) => Some(renewable.instead_of(refused).await),
            Kind::Fixed(_) | Kind::Missing => None,
        }
    }

    /// Whether a refused request may be sent again, so that its body must be kept.
    pub(super) fn can_change(&self) -> bool {
        matches!(self.0, Kind::Renewable(_))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Missing => "Credentials(missing)",
            Kind::Fixed(Credential::ApiKey(_)) => "Credentials(api key)",
            Kind::Fixed(Credential::Bearer(_)) => "Credentials(oauth token)",
            Kind::Renewable(_) => "Credentials(oauth, renewable)",
        })
    }
}

impl Credential {
    fn api_key(key: &Secret) -> anyhow::Result<Self> {
        sensitive(key.expose().trim()).map(Self::ApiKey)
    }

    pub(super) fn bearer(token: &str) -> anyhow::Result<Self> {
        sensitive(&format!("Bearer {}", token.trim())).map(Self::Bearer)
    }
}

fn sensitive(text: &str) -> anyhow::Result<HeaderValue> {
    // The error must not quote the value.
    let value = HeaderValue::from_str(text);
    let mut value =
        value.map_err(|_| anyhow::anyhow!("the credential holds characters that no HTTP header may hold"))?;
    value.set_sensitive(true);
    Ok(value)
}
