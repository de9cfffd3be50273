//! Why the node did not do what was asked.

use std::path::PathBuf;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Why a request to the node failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// Nobody serves the socket.
    #[error("no node is running (nobody answers on {}): start it with `clawhold up`", socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The node says no.
    #[error("{message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
    /// The node did not answer in time.
    #[error("the node does not answer")]
    Silent,
    /// The connection or the answer broke off.
    #[error("the node's answer broke off")]
    Broken(#[source] reqwest::Error),
}

#[derive(Deserialize)]
struct Body {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    message: String,
}

impl ControlError {
    /// Reads an error answer.
    pub(super) async fn refused(response: Response) -> Self {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let message = serde_json::from_str::<Body>(&text)
            .map(|body| body.error.message)
            .unwrap_or_else(|_| format!("the node answered {status}"));
        Self::Refused { status, message }
    }

    /// Whether the same request may succeed in a moment: the node restarts, or its store is busy.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NotRunning { .. } | Self::Silent | Self::Broken(_) => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
