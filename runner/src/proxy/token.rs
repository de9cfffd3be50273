//! The per-run token: all the credential a sandbox ever holds.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq as _;

/// Random bytes of a token.
const BYTES: usize = 32;

/// Opens the proxy of one run, so it is bound to that run's group and epoch. Never printed.
#[derive(Clone)]
pub struct RunToken(String);

impl RunToken {
    /// Draws a token from the operating system. This randomness is not injected: a token that a seed can replay is no secret.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn mint() -> std::io::Result<Self> {
        let mut bytes = [0; BYTES];
        OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(format!("clawhold-run-{}", hex::encode(bytes))))
    }

    /// The token, for the environment of its sandbox and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the request carries this token, as `x-api-key` or as bearer. Takes the same time for every wrong token.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let key = headers.get("x-api-key").map(http::HeaderValue::as_bytes);
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        [key, bearer]
            .into_iter()
            .flatten()
            .any(|offered| offered.ct_eq(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for RunToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunToken(***)")
    }
}
