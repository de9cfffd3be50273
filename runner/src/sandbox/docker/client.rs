//! The connection to the engine: found late, found again after a failure, so that an engine that is down at start or
//! restarts later is a passing condition.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};

use crate::sandbox::RuntimeError;

/// Where an engine listens when nothing else is said.
const DEFAULT_ENGINE: &str = "unix:///var/run/docker.sock";
/// Limit of one request: above any honest answer (starting a microVM takes seconds), below what a person waits for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Client {
    engine: String,
    connected: Mutex<Option<Docker>>,
}

impl Client {
    pub(super) fn new(engine: Option<String>) -> Self {
        Self {
            engine: engine.unwrap_or_else(|| DEFAULT_ENGINE.to_owned()),
            connected: Mutex::new(None),
        }
    }

    /// The socket's path, when the engine is named as one.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        self.engine.strip_prefix("unix://").map(PathBuf::from)
    }

    /// The connection; makes one and agrees on an API version when there is none.
    pub(super) async fn get(&self) -> Result<Docker, RuntimeError> {
        let known = self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(docker) = known {
            return Ok(docker);
        }
        let socket = self.socket().filter(|path| path.is_absolute()).ok_or_else(|| {
            RuntimeError::Refused(format!(
                "engine {:?}: only unix:///path/to/socket is understood, because sandboxes share directories with this machine",
                self.engine
            ))
        })?;
        let docker = connect(&socket).await.map_err(|error| self.unreachable(&error))?;
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(docker.clone());
        Ok(docker)
    }

    /// Says what a failed request means. An engine that did not answer is asked for its version again next time.
    pub(super) fn explain(&self, action: &'static str, error: &Error) -> RuntimeError {
        match error {
            // 400: the request is wrong, for example an OCI runtime the engine does not have.
            Error::DockerResponseServerError {
                status_code: 400,
                message,
            } => RuntimeError::Refused(message.clone()),
            Error::DockerResponseServerError { message, .. } => RuntimeError::Failed {
                action,
                reason: message.clone(),
            },
            Error::HyperLegacyError { .. }
            | Error::HyperResponseError { .. }
            | Error::IOError { .. }
            | Error::RequestTimeoutError
            | Error::SocketNotFoundError(_) => {
                *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.unreachable(error)
            }
            other => RuntimeError::Failed {
                action,
                reason: chain(other),
            },
        }
    }

    fn unreachable(&self, error: &Error) -> RuntimeError {
        RuntimeError::Unreachable {
            engine: self.engine.clone(),
            reason: chain(error),
        }
    }
}

async fn connect(socket: &Path) -> Result<Docker, Error> {
    let path = socket.to_string_lossy();
    Docker::connect_with_unix(&path, REQUEST_TIMEOUT.as_secs(), API_DEFAULT_VERSION)?
        .negotiate_version()
        .await
}

/// The HTTP status of an answer that is an error.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The error with its sources: the client's own text is only "client error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
