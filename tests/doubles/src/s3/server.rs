//! Starting and stopping.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::answer::answer;
use super::state::State;

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 256;

/// A stand-in to be started: one bucket, one pair of keys.
#[derive(Clone, Debug)]
pub struct S3Double {
    keys: Keys,
    bucket: String,
}

/// What requests must be signed with.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) region: String,
}

/// A running stand-in; stops when it is dropped.
pub struct RunningS3 {
    state: Arc<State>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl S3Double {
    /// A stand-in with this bucket, for requests signed with these keys for this region.
    pub fn new(bucket: &str, access_key_id: &str, secret_access_key: &str, region: &str) -> Self {
        Self {
            keys: Keys {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: secret_access_key.to_owned(),
                region: region.to_owned(),
            },
            bucket: bucket.to_owned(),
        }
    }

    /// Starts it on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn listen(self) -> io::Result<RunningS3> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(self.keys, self.bucket));
        #[expect(
            clippy::disallowed_methods,
            reason = "the double knows no lifecycle; `RunningS3` owns its one task and aborts it"
        )]
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(RunningS3 {
            state,
            address,
            accepting,
        })
    }
}

impl RunningS3 {
    /// The endpoint, for a client that names the bucket in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the next request fail with this status.
    pub fn fail_next(&self, status: StatusCode) {
        self.state.plan_fault(status);
    }

    /// The keys it holds, in order.
    pub fn keys(&self) -> Vec<String> {
        self.state.list("", "").into_iter().map(|(key, _)| key).collect()
    }
}

impl Drop for RunningS3 {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
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
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let handle = service_fn(move |request| answer(Arc::clone(&state), request));
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), handle)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
