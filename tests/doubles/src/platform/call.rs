//! A call as a platform sees it, and its answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

/// One HTTP request, received whole.
#[derive(Clone, Debug)]
pub struct Call {
    /// GET, POST, ….
    pub method: Method,
    /// The path as sent, with its leading slash.
    pub path: String,
    /// The query, decoded; of a repeated name the last value.
    pub query: BTreeMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// The value of a header, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: <scheme> …`, whatever the case of the scheme.
    #[must_use]
    pub fn authorization(&self, scheme: &str) -> Option<&str> {
        let (given, token) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then(|| token.trim())
    }

    /// The media type of the body, without its parameters.
    #[must_use]
    pub fn media_type(&self) -> &str {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers; the length is added on the way.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer with this body and type.
    #[must_use]
    pub fn new(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        let body = body.into();
        Self { status, headers, body }
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: StatusCode, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// The same answer with one more header.
    ///
    /// # Panics
    /// When the value is no header value: the stand-in's own mistake.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        let value = HeaderValue::try_from(value.to_string()).expect("a stand-in writes valid header values");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}
