//! One request, from its signature to its answer.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;

use super::state::State;
use super::{listing, signature};
use crate::percent;

/// Largest body taken: more than any pack.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

type Answer = Response<Full<Bytes>>;

pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(refuse(StatusCode::BAD_REQUEST, "EntityTooLarge"));
    };
    let body = body.to_bytes();
    if let Some(status) = state.next_fault() {
        return Ok(refuse(status, "InternalError"));
    }
    if let Err(code) = signature::verify(&parts, &body, &state.keys) {
        return Ok(refuse(StatusCode::FORBIDDEN, code));
    }
    let path = percent::decode(parts.uri.path(), false).unwrap_or_default();
    let (bucket, key) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    if bucket != state.bucket {
        return Ok(refuse(StatusCode::NOT_FOUND, "NoSuchBucket"));
    }
    let range = parts.headers.get("range").and_then(|range| range.to_str().ok());
    Ok(match (&parts.method, key) {
        (&Method::GET, "") => {
            let query = percent::query(parts.uri.query().unwrap_or_default()).unwrap_or_default();
            respond(StatusCode::OK, listing::list(&state, &query).into())
        }
        (&Method::PUT, key) if !key.is_empty() => put(&state, key, body),
        (&Method::GET | &Method::HEAD, key) => get(&state, key, range),
        (&Method::DELETE, key) if !key.is_empty() => {
            state.delete(key);
            respond(StatusCode::NO_CONTENT, Bytes::new())
        }
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    })
}

fn put(state: &State, key: &str, body: Bytes) -> Answer {
    if state.put(key.to_owned(), body) {
        respond(StatusCode::OK, Bytes::new())
    } else {
        refuse(StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull")
    }
}

fn get(state: &State, key: &str, range: Option<&str>) -> Answer {
    let Some(content) = state.get(key) else {
        return refuse(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    let whole = content.len();
    let Some(range) = range else {
        return respond(StatusCode::OK, content);
    };
    let Some(Range { start, end }) = parse_range(range, whole) else {
        return refuse(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
    };
    let mut answer = respond(StatusCode::PARTIAL_CONTENT, content.slice(start..end));
    if let Ok(value) = format!("bytes {start}-{}/{whole}", end - 1).parse() {
        answer.headers_mut().insert("content-range", value);
    }
    answer
}

/// `bytes=first-last`; an end beyond the object is cut, as Amazon does.
fn parse_range(text: &str, whole: usize) -> Option<Range<usize>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    (first < whole && first <= last).then(|| first..whole.min(last.saturating_add(1)))
}

fn refuse(status: StatusCode, code: &str) -> Answer {
    let text =
        format!(r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"#);
    respond(status, text.into())
}

fn respond(status: StatusCode, content: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(content));
    *answer.status_mut() = status;
    let headers = [("etag", "\"0\""), ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")];
    for (name, value) in headers {
        answer.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    answer
}
