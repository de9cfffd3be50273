//! Serves a router on a listener: bounded in connections, patient with slow clients only so long, and ended gently.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Connections served at once; more wait in the kernel's backlog. Each may hold one largest body.
const CONNECTIONS_MAX: usize = 256;
/// How long a client may take to send the head of a request, also between requests of one connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Time requests under way get when the server stops; within the lifecycle's own grace.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Serves until told to stop; then requests under way have [`STOP_GRACE`] to be answered.
pub async fn serve<L: Listener>(mut listener: L, app: Router, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepting = async {
            let permit = Arc::clone(&permits)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            (listener.accept().await.0, permit)
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => note_end(ended),
            (io, permit) = accepting => {
                connections.spawn(serve_connection(io, app.clone(), stop.clone(), permit));
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, all_ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// A panic of a handler ends its connection only; it must not go unnoticed.
fn note_end(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = &error as &dyn std::error::Error, "a request handler panicked");
    }
}

async fn serve_connection<I>(io: I, app: Router, stop: CancellationToken, _permit: OwnedSemaphorePermit)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended: Result<(), hyper::Error> = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients break off all the time; nothing is lost by it.
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}
