//! The signature of a webhook request: HMAC-SHA256 over `<timestamp>.<content>`, in both directions.
//!
//! The content is the body of a POST, and the path with its query of a GET. The timestamp bounds how long a captured
//! request can be played again; within that time the idempotency key swallows it.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use proto::time::Timestamp;
use sha2::Sha256;

/// Header with the Unix time of signing, in whole seconds.
pub const TIMESTAMP_HEADER: &str = "x-clawhold-timestamp";
/// Header with `sha256=<hex>`.
pub const SIGNATURE_HEADER: &str = "x-clawhold-signature";
/// How far the signing time may be from ours: clock skew and slow networks, no more.
pub const WINDOW: Duration = Duration::from_secs(300);

const SCHEME: &str = "sha256=";

/// Why a request does not count as signed; each says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// A header is missing or not text.
    #[error("the header {0} is missing: sign the request with the hook's secret")]
    Missing(&'static str),
    /// The timestamp is no number.
    #[error("{TIMESTAMP_HEADER} must be the Unix time in whole seconds")]
    TimestampMalformed,
    /// Signed too long ago, or in the future.
    #[error("{TIMESTAMP_HEADER} is more than {} s away from the time here: check the clock, and sign each try anew", WINDOW.as_secs())]
    TimestampOutside,
    /// Not of the form `sha256=<64 hex digits>`.
    #[error("{SIGNATURE_HEADER} must be \"sha256=\" and 64 hex digits")]
    SignatureMalformed,
    /// Another secret, or other content.
    #[error(
        "the signature does not match: it is HMAC-SHA256 with the hook's secret over the timestamp, a dot and the content as sent"
    )]
    Mismatch,
}

/// The headers of a request that claims to be signed, read before its content is.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    timestamp: i64,
    code: [u8; 32],
}

impl Claim {
    /// Reads the two headers and checks the time of signing.
    ///
    /// # Errors
    /// [`NotSigned`] for anything but two well-formed headers within [`WINDOW`].
    pub fn read(headers: &HeaderMap, now: Timestamp) -> Result<Self, NotSigned> {
        let timestamp: i64 = header(headers, TIMESTAMP_HEADER)?
            .parse()
            .map_err(|_| NotSigned::TimestampMalformed)?;
        let away = (now.as_millis() / 1000).abs_diff(timestamp);
        if away > WINDOW.as_secs() {
            return Err(NotSigned::TimestampOutside);
        }
        let mut code = [0; 32];
        header(headers, SIGNATURE_HEADER)?
            .strip_prefix(SCHEME)
            .and_then(|digits| hex::decode_to_slice(digits, &mut code).ok())
            .ok_or(NotSigned::SignatureMalformed)?;
        Ok(Self { timestamp, code })
    }

    /// Checks the content against the claim, in constant time.
    ///
    /// # Errors
    /// [`NotSigned::Mismatch`].
    pub fn verify(&self, secret: &[u8], content: &[u8]) -> Result<(), NotSigned> {
        mac(secret, self.timestamp, content)
            .verify_slice(&self.code)
            .map_err(|_| NotSigned::Mismatch)
    }
}

/// The signature header's value for this content.
pub fn sign(secret: &[u8], timestamp: i64, content: &[u8]) -> String {
    let code = mac(secret, timestamp, content).finalize().into_bytes();
    format!("{SCHEME}{}", hex::encode(code))
}

fn mac(secret: &[u8], timestamp: i64, content: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(content);
    mac
}

fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, NotSigned> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .ok_or(NotSigned::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"secret";
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn check(timestamp: &str, signature: &str, content: &[u8]) -> Result<(), NotSigned> {
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP_HEADER, timestamp.parse().unwrap());
        headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        Claim::read(&headers, NOW)?.verify(SECRET, content)
    }

    #[test]
    fn the_signature_is_the_one_other_tools_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let known = "sha256=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        let ours = sign(SECRET, 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(ours.len(), SCHEME.len() + 64);
        assert_eq!(ours, known);
    }

    #[test]
    fn only_the_exact_content_secret_and_time_pass() {
        let good = sign(SECRET, 1_700_000_000, b"hello");
        assert_eq!(check("1700000000", &good, b"hello"), Ok(()));
        assert_eq!(check("1700000000", &good, b"hellO"), Err(NotSigned::Mismatch));
        assert_eq!(check("1700000001", &good, b"hello"), Err(NotSigned::Mismatch));
        let other = sign(b"other", 1_700_000_000, b"hello");
        assert_eq!(check("1700000000", &other, b"hello"), Err(NotSigned::Mismatch));
    }

    #[test]
    fn an_old_or_future_request_is_refused() {
        for (at, expected) in [
            (1_700_000_000 - 300, Ok(())),
            (1_700_000_000 - 301, Err(NotSigned::TimestampOutside)),
            (1_700_000_000 + 301, Err(NotSigned::TimestampOutside)),
            (i64::MIN, Err(NotSigned::TimestampOutside)),
        ] {
            assert_eq!(check(&at.to_string(), &sign(SECRET, at, b"x"), b"x"), expected, "{at}");
        }
    }

    #[test]
    fn malformed_headers_say_what_is_expected() {
        let good = sign(SECRET, 1_700_000_000, b"x");
        assert_eq!(check("soon", &good, b"x"), Err(NotSigned::TimestampMalformed));
        for bad in [
            "",
            "sha256=",
            "sha256=zz",
            &good[..good.len() - 2],
            &good["sha256=".len()..],
        ] {
            assert_eq!(
                check("1700000000", bad, b"x"),
                Err(NotSigned::SignatureMalformed),
                "{bad:?}"
            );
        }
        assert!(matches!(
            Claim::read(&HeaderMap::new(), NOW),
            Err(NotSigned::Missing(TIMESTAMP_HEADER))
        ));
    }
}
