//! One connection: serves requests until the peer leaves, a fault breaks it, or the double stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::State;
use super::answer::answer;
use crate::wire::{Link, Wire};

/// How long answers under way may take once the double stops. Tests wait for it, so it is short.
const STOP_GRACE: Duration = Duration::from_millis(250);

pub(super) async fn serve(state: Arc<State>, stream: TcpStream, stopping: CancellationToken) {
    // Deltas are small and must leave at once, as they do from the real API.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off delayed sending");
    }
    let link = Link::default();
    let handle = {
        let link = link.clone();
        service_fn(move |request| {
            let (state, link) = (Arc::clone(&state), link.clone());
            async move { Ok::<_, Infallible>(answer(state, link, request).await) }
        })
    };
    let connection = http1::Builder::new().serve_connection(TokioIo::new(Wire::new(stream, link.clone())), handle);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        }
        () = link.broken() => {}
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // Whoever is still stalled or dripping after the grace is cut off by the drop.
            let _ = tokio::time::timeout(STOP_GRACE, connection).await;
        }
    }
}
