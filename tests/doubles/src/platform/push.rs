//! Calls in the other direction: a platform pushes an event to somebody's webhook.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long platforms wait for a webhook; tests never get near it.
const PUSH_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer looked at.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What a webhook answered.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Sends one request to an `http://` URL and waits for the answer.
///
/// # Errors
/// When nobody answers there.
pub async fn push(method: Method, url: &str, headers: HeaderMap, body: impl Into<Bytes>) -> io::Result<Pushed> {
    tokio::time::timeout(PUSH_TIMEOUT, exchange(method, url, headers, body.into())).await?
}

async fn exchange(method: Method, url: &str, headers: HeaderMap, body: Bytes) -> io::Result<Pushed> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let authority = uri.authority().ok_or_else(|| io::Error::other("the URL has no host"))?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", authority.as_str());
    if let Some(kept) = request.headers_mut() {
        kept.extend(headers);
    }
    let request = request.body(Full::new(body)).map_err(io::Error::other)?;
    let answered = async {
        let (parts, body) = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?
            .into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(io::Error::other)?;
        io::Result::Ok((parts, body.to_bytes()))
    };
    // The connection is driven beside the request. When it ends first, the request says so itself.
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    let (parts, body) = tokio::select! {
        answered = answered => answered?,
        never = driven => never,
    };
    Ok(Pushed {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}
