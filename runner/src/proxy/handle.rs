//! What the rest of the runner holds of one run's proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::turn::Usage;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::gate::Gate;
use super::token::RunToken;

/// One run's proxy. Dropping it closes the proxy.
#[derive(Debug)]
pub struct ProxyHandle {
    run: Arc<Run>,
    address: ProxyAddress,
    _close_on_drop: DropGuard,
}

/// Where a sandbox finds its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyAddress {
    /// The socket in its read-only directory.
    Socket,
    /// A port on the host's loopback.
    Tcp(SocketAddr),
}

/// What a run has used, counted in the answers that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Requests for messages that were answered.
    pub requests: u64,
    /// Tokens of those answers, as far as they came.
    pub usage: Usage,
}

/// What the connections of one run share.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) token: RunToken,
    pub(super) gate: Gate,
    pub(super) closed: CancellationToken,
    totals: Mutex<Totals>,
}

impl ProxyHandle {
    pub(super) fn new(token: RunToken, address: ProxyAddress) -> (Self, Arc<Run>) {
        let closed = CancellationToken::new();
        let run = Run {
            token,
            gate: Gate::default(),
            closed: closed.clone(),
            totals: Mutex::default(),
        };
        let run = Arc::new(run);
        let handle = Self {
            run: Arc::clone(&run),
            address,
            _close_on_drop: closed.drop_guard(),
        };
        (handle, run)
    }

    /// Where the sandbox finds it.
    pub fn address(&self) -> ProxyAddress {
        self.address
    }

    /// Lets nothing through from now on and aborts what is under way: the runner is fenced.
    pub fn shut(&self) {
        self.run.gate.shut();
    }

    /// Lets requests through again: the runner trusts itself again. A closed proxy stays closed.
    pub fn reopen(&self) {
        self.run.gate.reopen();
    }

    /// Ends the proxy for good: nothing passes, nothing listens.
    pub fn close(&self) {
        self.run.gate.shut();
        self.run.closed.cancel();
    }

    /// What the run has used so far.
    pub fn totals(&self) -> Totals {
        *self.run.totals()
    }
}

impl Run {
    pub(super) fn count_request(&self) {
        self.totals().requests += 1;
    }

    pub(super) fn add(&self, usage: &Usage) {
        let total = &mut self.totals().usage;
        total.input_tokens += usage.input_tokens;
        total.output_tokens += usage.output_tokens;
        total.cache_creation_input_tokens += usage.cache_creation_input_tokens;
        total.cache_read_input_tokens += usage.cache_read_input_tokens;
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
