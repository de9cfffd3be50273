//! The connections of one run.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::either::Either;

use super::forward::forward;
use super::handle::Run;
use super::proxies::Shared;

/// Connections of one run at once. The Agent SDK holds a handful; a sandbox that opens more waits.
const CONNECTIONS_MAX: usize = 64;
/// Time to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Pause after a failed accept (no free descriptor), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a run's proxy listens on.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<Either<UnixStream, TcpStream>> {
        match self {
            Self::Unix(listener) => Ok(Either::Left(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Either::Right(stream))
            }
        }
    }
}

/// Serves until the run's proxy is closed; then every connection ends at once.
pub(super) async fn serve(listener: Listener, run: Arc<Run>, shared: Arc<Shared>) {
    // Dropping the set ends every connection, however this future ends.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = run.closed.cancelled() => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => accepted,
        };
        match accepted {
            Ok(stream) => {
                connections.spawn(serve_connection(stream, Arc::clone(&run), Arc::clone(&shared)));
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection of a sandbox"
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: Either<UnixStream, TcpStream>, run: Arc<Run>, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let answer = forward(Arc::clone(&shared), Arc::clone(&run), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection of a sandbox broke off"
        );
    }
}
