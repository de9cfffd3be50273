//! One connection: calls in, answers out, faults in between.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::running::Shared;
use super::{Answer, Call, Fault, SocketHandler, parse_form};
use crate::wire::{Link, Wire};

/// Largest body taken: above the largest upload of any platform (100 MB).
const BODY_BYTES_MAX: usize = 110 * 1024 * 1024;
/// A reset drops what is still buffered; the first half of an answer gets this long to leave.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Answers are small and must leave at once.
    let _ = stream.set_nodelay(true);
    let link = Link::default();
    let handle = {
        let link = link.clone();
        service_fn(move |request| {
            let (shared, link) = (Arc::clone(&shared), link.clone());
            async move { Ok::<_, Infallible>(respond(&shared, &link, request).await) }
        })
    };
    let io = TokioIo::new(Wire::new(stream, link.clone()));
    let connection = http1::Builder::new().serve_connection(io, handle).with_upgrades();
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        }
        () = link.broken() => {}
    }
}

async fn respond(shared: &Arc<Shared>, link: &Link, mut request: Request<Incoming>) -> Response<Body> {
    let upgrade = request
        .headers()
        .get(SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()))
        .map(|accept| (accept, hyper::upgrade::on(&mut request)));
    let Some(call) = read(request).await else {
        return whole(Answer::empty(StatusCode::BAD_REQUEST));
    };
    shared.record.note(&call);
    let platform = &shared.platform;
    let fault = shared.faults.draw(&call.path, platform.is_effect(&call));
    match fault {
        Some(Fault::Busy(retry_after)) => return whole(platform.busy(&call, retry_after)),
        Some(Fault::Broken(status)) => return whole(broken(status)),
        Some(Fault::ResetBefore) => link.reset().await,
        _ => {}
    }
    if let Some((accept, upgrade)) = upgrade
        && let Some(handler) = platform.websocket(&call)
    {
        shared.spawn(open(upgrade, handler));
        return switching(&accept);
    }
    let answer = platform.answer(call).await;
    match fault {
        Some(Fault::BrokenAfter(status)) => whole(broken(status)),
        Some(Fault::LostAnswer) => link.reset().await,
        Some(Fault::ResetInBody) => half(answer, link.clone()),
        Some(Fault::Slow(pause)) => {
            tokio::time::sleep(pause).await;
            whole(answer)
        }
        _ => whole(answer),
    }
}

async fn read(request: Request<Incoming>) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?.to_bytes();
    let query: BTreeMap<String, String> = parse_form(parts.uri.query().unwrap_or_default());
    Some(Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers,
        body,
    })
}

async fn open(upgrade: hyper::upgrade::OnUpgrade, handler: SocketHandler) {
    match upgrade.await {
        Ok(upgraded) => {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            handler(socket).await;
        }
        Err(error) => tracing::debug!(%error, "a socket was not opened"),
    }
}

fn switching(accept: &str) -> Response<Body> {
    let mut response = whole(Answer::empty(StatusCode::SWITCHING_PROTOCOLS));
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// What a load balancer in front of the platform says: no JSON, so that nobody relies on it.
fn broken(status: StatusCode) -> Answer {
    Answer::new(status, "text/html", format!("<html><h1>{status}</h1></html>"))
}

fn whole(answer: Answer) -> Response<Body> {
    let body = Full::new(answer.body.clone()).map_err(|never| match never {});
    with_body(answer, body.boxed_unsync())
}

/// The first half of the body under the length of the whole one, then a reset.
fn half(answer: Answer, link: Link) -> Response<Body> {
    let length = answer.body.len();
    let first = answer.body.slice(..length / 2);
    let frames = stream::unfold((Some(first), link), |(first, link)| async move {
        match first {
            Some(first) => Some((Ok(Frame::data(first)), (None, link))),
            None => {
                tokio::time::sleep(FLUSH_PAUSE).await;
                link.reset().await
            }
        }
    });
    let mut response = with_body(answer, StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

fn with_body(answer: Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
