//! Starting, asking and stopping a double.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::script::Script;
use super::State;
use super::connection;
use super::credentials::Credentials;
use super::gate::Gates;
use super::oauth::Oauth;
use super::rate::{Rate, RateLimit};
use super::record::{Keep, RecordedRequest, Recorder};

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

/// A wait that ended without what was waited for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WaitError {
    /// The predicate did not hold in time.
    #[error("not seen within {within:?}; received so far: {seen}")]
    TimedOut {
        /// How long was waited.
        within: Duration,
        /// Method, path and status of the kept requests.
        seen: String,
    },
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
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), stopping.clone()));
        Ok(Running {
            state,
            address,
            stopping,
            accepting: Some(accepting),
        })
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

/// A double at work. Dropping it ends every connection at once; [`Running::stop`] lets answers under way finish.
pub struct Running {
    state: Arc<State>,
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl Running {
    /// The value for `ANTHROPIC_BASE_URL`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The kept requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.recorder.look(<[RecordedRequest]>::to_vec)
    }

    /// How many requests were received, forgotten ones included.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.state.recorder.count()
    }

    /// Waits until the predicate holds of the kept requests; returns them.
    ///
    /// # Errors
    /// When it does not hold within `timeout`.
    pub async fn wait_for(
        &self,
        predicate: impl Fn(&[RecordedRequest]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<RecordedRequest>, WaitError> {
        self.within(timeout, self.state.recorder.wait_for(predicate)).await?;
        Ok(self.requests())
    }

    /// Waits until a request waits at this gate.
    ///
    /// # Errors
    /// When none does within `timeout`.
    pub async fn wait_stalled(&self, name: &str, timeout: Duration) -> Result<(), WaitError> {
        self.within(timeout, self.state.gates.reached(name)).await
    }

    /// Opens a gate for good: requests that wait at it go on, later ones pass.
    pub fn release(&self, name: &str) {
        self.state.gates.release(name);
    }

    /// Opens every gate for good.
    pub fn release_all(&self) {
        self.state.gates.release_all();
    }

    /// Ends the life of every OAuth access token handed out so far.
    pub fn expire_access_tokens(&self) {
        self.state.oauth.expire_all();
    }

    /// Stops: no new connections, answers under way get a short grace.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(accepting) = self.accepting.take() {
            // It ends by itself within the grace; a panic in it has been reported by the runtime already.
            let _ = accepting.await;
        }
    }

    async fn within(&self, timeout: Duration, wait: impl Future<Output = ()>) -> Result<(), WaitError> {
        tokio::time::timeout(timeout, wait).await.map_err(|_| {
            let line = |request: &RecordedRequest| {
                let status = request
                    .status
                    .map_or_else(|| "unanswered".to_owned(), |status| status.as_u16().to_string());
                format!("{} {} {status}", request.method, request.path)
            };
            let seen = self
                .state
                .recorder
                .look(|requests| requests.iter().map(line).collect::<Vec<_>>().join(", "));
            WaitError::TimedOut { within: timeout, seen }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}
