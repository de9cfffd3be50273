//! What all runs' proxies share, and how one is opened.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::time::{Clock, Monotonic};
use tokio::net::{TcpListener, UnixListener};

use super::credentials::Credentials;
use super::handle::{ProxyAddress, ProxyHandle};
use super::metrics::Metrics;
use super::serve::{Listener, serve};
use super::token::RunToken;
use super::upstream::Upstream;
use crate::config::Model;
use crate::mailbox::RunDir;

/// Opens proxies. Cheap to clone.
#[derive(Clone)]
pub struct Proxies {
    shared: Arc<Shared>,
}

/// What every request needs.
pub(super) struct Shared {
    pub(super) upstream: Upstream,
    pub(super) credentials: Credentials,
    pub(super) metrics: Metrics,
    clock: Arc<dyn Clock>,
    /// Milliseconds of the monotonic clock.
    trusted_until: AtomicU64,
}

impl Shared {
    /// Whether the lease lasts right now.
    pub(super) fn is_trusted(&self) -> bool {
        let now = self.clock.monotonic().0.as_millis();
        now < u128::from(self.trusted_until.load(Ordering::Relaxed))
    }
}

/// Where a run's proxy listens.
#[derive(Clone, Copy, Debug)]
pub enum Listen<'a> {
    /// On a socket in the run's read-only directory.
    Socket(&'a RunDir),
    /// On a port of the loopback, where a bind-mounted socket does not cross into the engine's machine.
    Loopback,
}

/// Why a proxy could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the credential proxy cannot listen")]
pub struct OpenError(#[from] io::Error);

impl Proxies {
    /// Prepares the client and the credential. Renewed OAuth tokens are kept in `<data_dir>/oauth.json`. A TLS provider
    /// must have been installed.
    ///
    /// # Errors
    /// When the address of the API or a credential is malformed.
    pub fn new(model: &Model, data_dir: &Path, clock: Arc<dyn Clock>, metrics: Metrics) -> anyhow::Result<Self> {
        let upstream = Upstream::new(&model.base_url)?;
        let credentials = Credentials::from_config(model, data_dir, &upstream, Arc::clone(&clock), metrics.clone())?;
        Ok(Self {
            shared: Arc::new(Shared {
                upstream,
                credentials,
                metrics,
                clock,
                trusted_until: AtomicU64::new(u64::MAX),
            }),
        })
    }

    /// Says until when, by the monotonic clock, this runner trusts itself. Every request asks the clock itself: a process that
    /// was stopped for a while must not forward one before its lease loop ran again.
    pub fn trust_until(&self, until: Monotonic) {
        let millis = u64::try_from(until.0.as_millis()).unwrap_or(u64::MAX);
        self.shared.trusted_until.store(millis, Ordering::Relaxed);
    }

    /// The credential all runs share.
    pub fn credentials(&self) -> &Credentials {
        &self.shared.credentials
    }

    /// Opens the proxy of one run: it listens when this returns, and serves while the returned future is polled. Spawn that
    /// through the lifecycle; it ends when the handle is closed or dropped.
    ///
    /// # Errors
    /// When the socket or port cannot be opened.
    pub fn open(
        &self,
        listen: Listen<'_>,
        token: RunToken,
    ) -> Result<(ProxyHandle, impl Future<Output = ()> + Send + 'static + use<>), OpenError> {
        let (listener, address) = bind(listen)?;
        let (handle, run) = ProxyHandle::new(token, address);
        Ok((handle, serve(listener, run, Arc::clone(&self.shared))))
    }
}

fn bind(listen: Listen<'_>) -> io::Result<(Listener, ProxyAddress)> {
    match listen {
        Listen::Socket(run) => {
            let listener = run.bind_socket()?;
            listener.set_nonblocking(true)?;
            Ok((Listener::Unix(UnixListener::from_std(listener)?), ProxyAddress::Socket))
        }
        Listen::Loopback => {
            let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((
                Listener::Tcp(TcpListener::from_std(listener)?),
                ProxyAddress::Tcp(address),
            ))
        }
    }
}
