//! Files: uploaded, looked up, downloaded by a link that dies after five minutes, deleted.

use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::double::WhatsAppDouble;
use super::error::GraphError;
use crate::platform::{Answer, Call, parse_multipart};

/// How long a link works.
const LINK_SECONDS: u64 = 300;
const MEGABYTE: usize = 1024 * 1024;
/// What may be uploaded, and how large it may be.
const TYPES: [(&str, usize); 18] = [
    ("audio/aac", 16 * MEGABYTE),
    ("audio/mp4", 16 * MEGABYTE),
    ("audio/mpeg", 16 * MEGABYTE),
    ("audio/amr", 16 * MEGABYTE),
    ("audio/ogg", 16 * MEGABYTE),
    ("application/vnd.ms-powerpoint", 100 * MEGABYTE),
    ("application/msword", 100 * MEGABYTE),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        100 * MEGABYTE,
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        100 * MEGABYTE,
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        100 * MEGABYTE,
    ),
    ("application/vnd.ms-excel", 100 * MEGABYTE),
    ("application/pdf", 100 * MEGABYTE),
    ("text/plain", 100 * MEGABYTE),
    ("image/jpeg", 5 * MEGABYTE),
    ("image/png", 5 * MEGABYTE),
    ("image/webp", MEGABYTE / 2),
    ("video/mp4", 16 * MEGABYTE),
    ("video/3gpp", 16 * MEGABYTE),
];

/// `POST /<version>/<number>/media`.
pub(super) async fn upload(double: &WhatsAppDouble, call: &Call) -> Result<Value, GraphError> {
    let parts = parse_multipart(call)
        .await
        .ok_or_else(|| GraphError::invalid("The body is no multipart form."))?;
    let find = |name: &str| parts.iter().find(|part| part.name == name);
    if find("messaging_product").is_none_or(|part| part.content != "whatsapp") {
        return Err(GraphError::invalid("The parameter messaging_product is required."));
    }
    let file = find("file").ok_or_else(|| GraphError::missing("file"))?;
    let media_type = file.media_type.as_deref().unwrap_or("application/octet-stream");
    // Parameters (`; codecs=opus`) do not matter.
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let Some((_, bytes_max)) = TYPES.iter().find(|(known, _)| *known == essence) else {
        let known = TYPES.map(|(known, _)| known).join(", ");
        return Err(GraphError::invalid(format!(
            "Param file must be a file with one of the following types: {known}. Received file of type '{media_type}'."
        )));
    };
    if file.content.len() > *bytes_max {
        return Err(GraphError::media_upload(format!(
            "The file is larger than {bytes_max} bytes."
        )));
    }
    let id = double.state().keep_media(media_type, file.content.clone());
    Ok(json!({ "id": id }))
}

/// `GET /<version>/<media>`.
pub(super) fn look_up(double: &WhatsAppDouble, id: &str, call: &Call) -> Result<Value, GraphError> {
    let state = double.state();
    let media = state.media.get(id).ok_or_else(|| GraphError::no_object(id))?;
    let host = call.header("host").unwrap_or("localhost");
    let until = double.clock.now_s() + LINK_SECONDS;
    Ok(json!({
        "messaging_product": "whatsapp",
        "url": format!("http://{host}/whatsapp_business/attachments/?mid={id}&ext={until}&hash={}", hash(id, until)),
        "mime_type": media.media_type,
        "sha256": digest(&media.content),
        "file_size": media.content.len(),
        "id": id,
    }))
}

/// The link that a look-up gave. Its server does not speak Graph's words.
pub(super) fn download(double: &WhatsAppDouble, call: &Call) -> Answer {
    let get = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
    let (id, until) = (get("mid"), get("ext").parse().unwrap_or(0));
    if get("hash") != hash(id, until) || until < double.clock.now_s() {
        return Answer::new(StatusCode::NOT_FOUND, "text/html", "URL signature expired");
    }
    match double.state().media.get(id) {
        Some(media) => Answer::new(StatusCode::OK, "application/octet-stream", media.content.clone()),
        None => Answer::empty(StatusCode::NOT_FOUND),
    }
}

/// `DELETE /<version>/<media>`.
pub(super) fn delete(double: &WhatsAppDouble, id: &str) -> Result<(), GraphError> {
    let removed = double.state().media.remove(id);
    removed.map(|_| ()).ok_or_else(|| GraphError::no_object(id))
}

/// The digest that look-ups and notifications name.
pub(super) fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn hash(id: &str, until: u64) -> String {
    hex::encode(Sha256::digest(format!("stand-in {id} {until}")))
}
