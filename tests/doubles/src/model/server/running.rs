//! A double at work: asking it what it saw, opening its gates, stopping it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::State;
use super::record::RecordedRequest;

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

/// A double at work. Dropping it ends every connection at once; [`Running::stop`] lets answers under way finish.
pub struct Running {
    state: Arc<State>,
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn new(
        state: Arc<State>,
        address: SocketAddr,
        stopping: CancellationToken,
        accepting: JoinHandle<()>,
    ) -> Self {
        Self {
            state,
            address,
            stopping,
            accepting: Some(accepting),
        }
    }

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
