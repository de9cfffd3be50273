//! Verifies signatures of version 4, from what came over the wire.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::server::Keys;
use crate::percent;

/// Why a request is refused: Amazon's code for it.
pub(super) type Refused = &'static str;

/// Verifies the signature of a request with this body.
pub(super) fn verify(request: &Parts, body: &[u8], keys: &Keys) -> Result<(), Refused> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or("AccessDenied")?;
    let fields = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or("InvalidArgument")?;
    let field = |name: &str| {
        let mut parts = fields.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let credential = field("Credential").ok_or("AuthorizationHeaderMalformed")?;
    let signed = field("SignedHeaders").ok_or("AuthorizationHeaderMalformed")?;
    let signature = field("Signature").ok_or("AuthorizationHeaderMalformed")?;
    let (access_key, scope) = credential.split_once('/').ok_or("AuthorizationHeaderMalformed")?;
    let [date, region, "s3", "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err("AuthorizationHeaderMalformed");
    };
    let time = header("x-amz-date")
        .filter(|time| time.starts_with(date))
        .ok_or("AccessDenied")?;
    let hash = header("x-amz-content-sha256").ok_or("MissingSecurityHeader")?;
    if access_key != keys.access_key_id {
        return Err("InvalidAccessKeyId");
    }
    if region != keys.region {
        return Err("AuthorizationHeaderMalformed");
    }
    if hash != "UNSIGNED-PAYLOAD" && hash != hex::encode(Sha256::digest(body)) {
        return Err("XAmzContentSHA256Mismatch");
    }
    if !["host", "x-amz-date", "x-amz-content-sha256"]
        .iter()
        .all(|name| signed.split(';').any(|is| is == *name))
    {
        return Err("AccessDenied");
    }
    let canonical = canonical(request, signed, hash).ok_or("InvalidURI")?;
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{}", keys.secret_access_key).into_bytes();
    for step in [date, region, "s3", "aws4_request", text.as_str()] {
        key = mac(&key, step);
    }
    if hex::encode(key) == signature {
        Ok(())
    } else {
        Err("SignatureDoesNotMatch")
    }
}

fn canonical(request: &Parts, signed: &str, hash: &str) -> Option<String> {
    let path = percent::encode(&percent::decode(request.uri.path(), false)?, false);
    let pairs = percent::query(request.uri.query().unwrap_or_default())?;
    let query: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", percent::encode(key, true), percent::encode(value, true)))
        .collect();
    let mut headers = String::new();
    for name in signed.split(';') {
        headers += &format!("{name}:{}\n", request.headers.get(name)?.to_str().ok()?.trim());
    }
    let method = &request.method;
    Some(format!(
        "{method}\n{path}\n{}\n{headers}\n{signed}\n{hash}",
        query.join("&")
    ))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key is taken");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
