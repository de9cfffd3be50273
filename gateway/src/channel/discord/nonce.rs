//! The nonce of a part: the same for the same part, whoever sends it and whenever.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::outbound::{Delivery, Part};
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that are used: 24 characters in base64, where Discord takes 25. At 144 bits two parts never share one.
const BYTES: usize = 18;

pub(super) fn nonce(delivery: &Delivery, part: &Part) -> String {
    let identity = format!("{}/{}", delivery.id, part.from);
    URL_SAFE_NO_PAD.encode(&Sha256::digest(identity)[..BYTES])
}
