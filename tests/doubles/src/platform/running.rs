//! Starting, stopping and starting again on the same port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::record::Record;
use super::{Call, Faults, Platform, connection};

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 1_024;

/// What every connection of a stand-in sees.
pub(super) struct Shared {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) faults: Arc<Faults>,
    pub(super) record: Record,
    /// Ends the sockets of this run; a new one for each start.
    cut: Mutex<CancellationToken>,
}

impl Shared {
    /// Serves a socket until it ends or the stand-in stops.
    pub(super) fn spawn(&self, serving: impl Future<Output = ()> + Send + 'static) {
        let cut = lock(&self.cut).clone();
        spawn(async move {
            cut.run_until_cancelled(serving).await;
        });
    }
}

/// A stand-in at work; stops when it is dropped.
pub struct RunningPlatform {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// Starts a platform on a free port of loopback.
///
/// # Errors
/// When no port can be opened.
pub async fn start<P: Platform>(platform: Arc<P>, faults: Arc<Faults>) -> io::Result<RunningPlatform> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let running = RunningPlatform {
        address: listener.local_addr()?,
        shared: Arc::new(Shared {
            platform,
            faults,
            record: Record::default(),
            cut: Mutex::default(),
        }),
        accepting: Mutex::default(),
    };
    running.serve(listener);
    Ok(running)
}

impl RunningPlatform {
    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `ws://127.0.0.1:<port>`.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The newest calls, oldest first, those that met a fault included.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.record.newest()
    }

    /// How many calls were received.
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.shared.record.count()
    }

    /// Stops: connections are refused, open ones and sockets are cut. The platform keeps its state.
    pub async fn stop(&self) {
        lock(&self.shared.cut).cancel();
        let accepting = lock(&self.accepting).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // Ended by the abort; awaited, so that the port is closed when this returns.
            let _ = accepting.await;
        }
    }

    /// Starts again on the same port; does nothing while it runs.
    ///
    /// # Errors
    /// When somebody else has taken the port.
    pub async fn start_again(&self) -> io::Result<()> {
        if lock(&self.accepting).is_none() {
            let listener = TcpListener::bind(self.address).await?;
            *lock(&self.shared.cut) = CancellationToken::new();
            self.serve(listener);
        }
        Ok(())
    }

    fn serve(&self, listener: TcpListener) {
        *lock(&self.accepting) = Some(spawn(accept(listener, Arc::clone(&self.shared))));
    }
}

impl Drop for RunningPlatform {
    fn drop(&mut self) {
        lock(&self.shared.cut).cancel();
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.abort();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropping the set ends every connection, however this task ends.
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        connections.spawn(connection::serve(Arc::clone(&shared), stream));
        while connections.try_join_next().is_some() {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a double knows no lifecycle; `RunningPlatform` owns its tasks and ends them"
)]
fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(future)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
