//! Starting a double: its settings, and the loop that accepts connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::script::Script;
use super::State;
use super::connection;
use super::credentials::Credentials;
use super::gate::Gates;
use super::oauth::Oauth;
use super::rate::{Rate, RateLimit};
use super::record::{Keep, Recorder};
use super::running::Running;

/// Requests kept for the tests to look at. A story makes tens.
const REQUESTS_KEPT: usize = 512;
/// Bytes of kept request bodies; the Agent SDK's are about 100 kB each.
const BYTES_KEPT: usize = 64 * 1024 * 1024;
/// Connections served at once; a fleet of test agents holds one or two each.
const CONNECTIONS_MAX: usize = 1_024;
/// Pause after a failed accept (no free file descriptor), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A double to be started.
pub struct ModelDouble {
    script: Script,
    credentials: Credentials,
    rate_limit: Option<RateLimit>,
    address: SocketAddr,
    requests_kept: usize,
}

impl ModelDouble {
    /// Starts a double on a free loopback port, with [`DEMO_API_KEY`](super::credentials::DEMO_API_KEY) as its credential.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(script: Script) -> io::Result<Running> {
        Self::new(script).listen().await
    }

    /// A double with other settings than [`ModelDouble::start`].
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self {
            script,
            credentials: Credentials::default(),
            rate_limit: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            requests_kept: REQUESTS_KEPT,
        }
    }

    /// Sets the credentials that are right.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Limits requests for messages.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Sets the address to listen on.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets how many requests are kept; 0 for a double nobody will ask.
    #[must_use]
    pub fn requests_kept(mut self, requests: usize) -> Self {
        self.requests_kept = requests;
        self
    }

    /// Starts the double.
    ///
    /// # Errors
    /// When the address cannot be opened.
    pub async fn listen(self) -> io::Result<Running> {
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            script: self.script,
            oauth: Oauth::new(self.credentials.account.as_ref()),
            credentials: self.credentials,
            rate: Rate::new(self.rate_limit),
            gates: Gates::new(),
            recorder: Recorder::new(Keep {
                requests: self.requests_kept,
                bytes: BYTES_KEPT,
            }),
        });
        let stopping = CancellationToken::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "the double knows no lifecycle; `Running` owns its one task and aborts it"
        )]
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), stopping.clone()));
        Ok(Running::new(state, address, stopping, accepting))
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stopping: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropping the set ends every connection, however this task ends.
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            Some(_) = connections.join_next() => continue,
            () = stopping.cancelled() => break,
        };
        match accepted {
            (place, Ok((stream, _))) => {
                let serving = connection::serve(Arc::clone(&state), stream, stopping.clone());
                connections.spawn(async move {
                    let _place = place;
                    serving.await;
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
