//! The body of a mail that is sent as an upload: what is said of it, and the mail as it is (RFC 2387).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Its media type and its bytes. Google takes the two by their places: what is said comes first.
pub(super) fn related(said: &Value, mail: &[u8]) -> (String, Vec<u8>) {
    // No mail holds its own digest, whoever wrote it: the boundary stands between the parts alone.
    let boundary = hex::encode(Sha256::digest(mail));
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{said}\r\n\
         --{boundary}\r\nContent-Type: message/rfc822\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), mail, end.as_bytes()].concat();
    (format!("multipart/related; boundary=\"{boundary}\""), body)
}
