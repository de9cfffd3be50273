//! A mail that is sent as an upload: JSON and the mail, as the two parts of one body.
//! <https://developers.google.com/workspace/gmail/api/guides/uploads>

use bytes::Bytes;
use serde_json::Value;

use super::error::GoogleError;
use super::state::headers;
use crate::platform::Call;

/// Largest upload, as Gmail's description of its API has it.
const UPLOAD_BYTES_MAX: usize = 36_700_160;

/// What is said of the mail, and the mail. The parts are told by their places, as Google does.
pub(super) fn read(call: &Call) -> Result<(Value, Bytes), GoogleError> {
    if call.body.len() > UPLOAD_BYTES_MAX {
        return Err(GoogleError::too_large());
    }
    if call.query.get("uploadType").map(String::as_str) != Some("multipart") {
        return Err(GoogleError::invalid("Invalid value at 'uploadType'"));
    }
    let parts = related(call).ok_or_else(|| GoogleError::invalid("Malformed multipart body."))?;
    let [(_, said), (media_type, mail)] = &parts[..] else {
        return Err(GoogleError::invalid("Malformed multipart body."));
    };
    if !media_type.starts_with("message/") {
        return Err(GoogleError::invalid(format!(
            "Media type '{media_type}' is not supported. Valid media types: [message/*]"
        )));
    }
    let said = serde_json::from_slice(said).map_err(|_| GoogleError::invalid("Invalid JSON payload received."))?;
    Ok((said, mail.clone()))
}

/// The parts of a `multipart/related` body with their media types; none, when it is not one to the letter.
fn related(call: &Call) -> Option<Vec<(String, Bytes)>> {
    let (_, boundary) = call.header("content-type")?.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    if call.media_type() != "multipart/related" || boundary.is_empty() {
        return None;
    }
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    // The first one begins the body.
    let mut start = delimiter.len() - 2;
    if !call.body.starts_with(&delimiter.as_bytes()[2..]) {
        return None;
    }
    loop {
        let rest = call.body.slice(start..);
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        let length = find(&rest, delimiter.as_bytes())?;
        if length < 2 || !rest.starts_with(b"\r\n") {
            return None;
        }
        let part = rest.slice(2..length);
        let content = find(&part, b"\r\n\r\n")? + 4;
        let mut head = headers(&part[..content]).into_iter();
        let (_, media_type) = head.find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
        parts.push((media_type, part.slice(content..)));
        start += length + delimiter.len();
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
