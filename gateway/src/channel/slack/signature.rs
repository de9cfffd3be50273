//! Slack's signature of its requests: HMAC-SHA256 over version, time and body.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use proto::time::Timestamp;
use sha2::Sha256;

const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";
const SIGNATURE_HEADER: &str = "x-slack-signature";
const VERSION: &str = "v0";
/// How old a request may be, as Slack advises: an older one was recorded by somebody.
const AGE_MAX: Duration = Duration::from_secs(300);

/// Checks requests.
pub(super) struct Signatures(Vec<u8>);

impl Signatures {
    pub(super) fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// Whether Slack sent this, now.
    pub(super) fn is_good(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let (Some(timestamp), Some(signature)) = (text(TIMESTAMP_HEADER), text(SIGNATURE_HEADER)) else {
            return false;
        };
        let Some(at) = timestamp
            .parse::<i64>()
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000))
        else {
            return false;
        };
        let at = Timestamp::from_millis(at);
        if now.since(at).max(at.since(now)) > AGE_MAX {
            return false;
        }
        let Some(given) = signature
            .strip_prefix("v0=")
            .and_then(|digits| hex::decode(digits).ok())
        else {
            return false;
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length of key is taken");
        mac.update(format!("{VERSION}:{timestamp}:").as_bytes());
        mac.update(body);
        // Compared in constant time.
        mac.verify_slice(&given).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Slack's documents.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const AT: i64 = 1_531_420_618;

    fn check(timestamp: &str, signature: &str, body: &str, now_s: i64) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP_HEADER, timestamp.parse().unwrap());
        headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        Signatures::new(SECRET).is_good(&headers, body.as_bytes(), Timestamp::from_millis(now_s * 1_000))
    }

    #[test]
    fn what_slack_signed_just_now_is_taken() {
        for now in [AT - 300, AT, AT + 300] {
            assert!(check("1531420618", SIGNATURE, BODY, now), "{now}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        assert!(!check("1531420618", SIGNATURE, BODY, AT + 301));
        assert!(!check("1531420619", SIGNATURE, BODY, AT));
        assert!(!check("1531420618", SIGNATURE, "token=other", AT));
        assert!(!check("soon", SIGNATURE, BODY, AT));
        for signature in ["", "v0=", "v0=zz", &SIGNATURE[3..]] {
            assert!(!check("1531420618", signature, BODY, AT), "{signature:?}");
        }
        let unsigned = Signatures::new(SECRET).is_good(&HeaderMap::new(), b"", Timestamp::from_millis(AT * 1_000));
        assert!(!unsigned);
    }
}
