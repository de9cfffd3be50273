//! The model API: where it is, and the client for it, shared by all runs.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use service::causes::with_causes;

/// A connection that takes longer than this will not come.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Idle connections are kept a while: a new one costs a TLS handshake of some 100 ms before the first token.
const POOL_IDLE_TIME: Duration = Duration::from_secs(90);

/// The model API.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    pub(super) client: Client,
    base: Url,
}

impl Upstream {
    /// Prepares a client for the API at `base_url`; a path in it is honoured (CP-D3).
    ///
    /// A proxy named by the environment is used for a remote API, as people behind one expect, and never for a local one.
    pub(super) fn new(base_url: &str) -> anyhow::Result<Self> {
        let base: Url = base_url.trim_end_matches('/').parse()?;
        anyhow::ensure!(
            matches!(base.scheme(), "http" | "https") && base.has_host(),
            "not an http(s) address"
        );
        let builder = Client::builder()
            .connect_timeout(CONNECT_TIME)
            .pool_idle_timeout(POOL_IDLE_TIME)
            // A redirect would carry the credential to a place nobody configured.
            .redirect(Policy::none());
        let local = base
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        let builder = if local { builder.no_proxy() } else { builder };
        Ok(Self {
            client: builder.build()?,
            base,
        })
    }

    /// Address of an endpoint.
    pub(super) fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(query);
        url
    }

    /// Name for people.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or("the model API")
    }
}

/// An error with its causes on one line, without the address, which may hold secrets.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    with_causes(error.to_string(), &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_base_address_is_kept() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (base, expected) in [
            ("http://localhost:9", "http://localhost:9/v1/messages?beta=true"),
            ("http://localhost:9/", "http://localhost:9/v1/messages?beta=true"),
            (
                "https://gateway.example/team/a/",
                "https://gateway.example/team/a/v1/messages?beta=true",
            ),
        ] {
            let upstream = Upstream::new(base).unwrap();
            assert_eq!(upstream.url("/v1/messages", Some("beta=true")).as_str(), expected);
        }
        assert!(Upstream::new("ftp://x").is_err());
    }
}
