//! Bodies and queries, bounded in size and time, with errors in the shape of [`ApiError`].

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::ApiError;

/// Largest body of a request: a text of [`proto::inbound::TEXT_BYTES_MAX`] with generous JSON escaping. Below 1 MiB, the
/// largest message of a broker, by more than what an envelope adds: a text that came in also fits into its envelope,
/// where it is escaped as it was in the body at most.
const BODY_BYTES_MAX: usize = (1024 - 32) * 1024;
/// How long a client may take to send its body: a slow mobile line sends the largest one in this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a whole body.
///
/// # Errors
/// 413 beyond [`BODY_BYTES_MAX`], 408 when it takes too long, 400 when it breaks off.
pub async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    let collecting = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect());
    match collecting.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::too_large(format!(
            "the body is larger than {BODY_BYTES_MAX} bytes: send less at once"
        ))),
        Ok(Err(_)) => Err(ApiError::bad_request("the body broke off: send it again")),
        Err(_) => Err(ApiError::new(
            http::StatusCode::REQUEST_TIMEOUT,
            "timeout",
            format!("the body took longer than {} s: send it again", BODY_TIMEOUT.as_secs()),
        )),
    }
}

/// Parses a body.
///
/// # Errors
/// 400 that names what is wrong and where.
pub(crate) fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body is not the JSON expected: {error}")))
}

/// A JSON body.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        parse_body(&read_body(request.into_body()).await?).map(Self)
    }
}

/// The parameters of the query.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::read(parts)
    }
}

impl<T: DeserializeOwned> Params<T> {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub(crate) fn read(parts: &Parts) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|rejection| ApiError::bad_request(rejection.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use proto::ids::GroupId;
    use proto::inbound::{Envelope, TEXT_BYTES_MAX};
    use proto::time::Timestamp;
    use proto::trace::TraceContext;
    use serde_json::json;

    use super::*;

    /// What a broker takes in one message by default.
    const BROKER_BYTES_MAX: usize = 1024 * 1024;
    /// Its headers: a dedup key of 200 bytes, a trace, and their names.
    const HEADER_BYTES: usize = 1024;

    #[test]
    fn whatever_comes_in_as_a_body_fits_into_a_message_of_the_broker() {
        // A control character takes six bytes in a body, as in an envelope; nothing else takes more per byte of text.
        let texts = ["\u{1}".repeat(BODY_BYTES_MAX / 6), "\\".repeat(TEXT_BYTES_MAX)];
        for text in texts {
            let name = "\u{1}".repeat(200);
            let envelope = json!({
                "dedup_key": name,
                "group": "g".repeat(GroupId::LENGTH_MAX),
                "chat": format!("webhook:{}:{name}", "h".repeat(64)),
                "sender": name,
                "sender_name": name,
                "text": text,
                "sent_at": Timestamp::from_millis(0),
                "engages": true,
                "trace": TraceContext::start(uuid::Uuid::from_u128(1)),
            });
            let envelope: Envelope = serde_json::from_value(envelope).unwrap();
            let bytes = serde_json::to_vec(&envelope).unwrap().len();
            assert!(bytes + HEADER_BYTES <= BROKER_BYTES_MAX, "{bytes}");
        }
    }
}
