//! Bodies of forms: url-encoded and multipart.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream;

use super::Call;
use crate::percent;

/// One part of a multipart body.
#[derive(Clone, Debug)]
pub struct FormPart {
    /// The name of the field.
    pub name: String,
    /// The file's name, when the part is a file.
    pub file_name: Option<String>,
    /// The media type it states.
    pub media_type: Option<String>,
    /// What it holds.
    pub content: Bytes,
}

/// The fields of a url-encoded body or query; of a repeated name the last value.
#[must_use]
pub fn parse_form(encoded: &str) -> BTreeMap<String, String> {
    percent::query(encoded).unwrap_or_default().into_iter().collect()
}

/// The parts of a multipart body; `None` when it is none, or broken.
pub async fn parse_multipart(call: &Call) -> Option<Vec<FormPart>> {
    let boundary = multer::parse_boundary(call.header("content-type")?).ok()?;
    let body = stream::iter([Ok::<_, std::convert::Infallible>(call.body.clone())]);
    let mut multipart = multer::Multipart::new(body, boundary);
    let mut parts = Vec::new();
    while let Some(field) = multipart.next_field().await.ok()? {
        parts.push(FormPart {
            name: field.name()?.to_owned(),
            file_name: field.file_name().map(str::to_owned),
            media_type: field.content_type().map(ToString::to_string),
            content: field.bytes().await.ok()?,
        });
    }
    Some(parts)
}
