//! The control API from the client's side: requests over the running node's Unix socket.
//!
//! Commands ask the node and never touch its database: one process owns that file.

mod error;

pub(crate) use error::ControlError;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use gateway::http::SOCKET_NAME;
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config;

/// How long the node may take to answer: its own limits are shorter.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one node.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    socket: PathBuf,
    http: reqwest::Client,
}

impl Control {
    /// A client of the node that serves this socket; connects with the first request.
    pub(crate) fn new(socket: &Path) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .build()
            .context("no HTTP client can be made")?;
        Ok(Self {
            socket: socket.to_owned(),
            http,
        })
    }

    /// A client of the node with this configuration.
    pub(crate) fn of_config(file: Option<&Path>) -> anyhow::Result<Self> {
        let loaded = config::load(file, Vec::new())?;
        Self::new(&loaded.config.data_dir.join(SOCKET_NAME))
    }

    /// Where the node serves.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks for something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ControlError> {
        let response = self.send(Method::GET, path, None::<&()>).await?;
        response.json().await.map_err(ControlError::Broken)
    }

    /// Asks for something to be done, and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ControlError> {
        let response = self.send(method, path, Some(body)).await?;
        response.json().await.map_err(ControlError::Broken)
    }

    /// Asks for something to be done that has no answer but success.
    pub(crate) async fn tell(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(), ControlError> {
        self.send(method, path, body).await.map(drop)
    }

    /// Opens a stream, which may last for ever.
    pub(crate) async fn stream(&self, path: &str) -> Result<Response, ControlError> {
        let request = self.http.get(url(path)).send();
        // Only the head is limited in time.
        match tokio::time::timeout(ANSWER_TIMEOUT, request).await {
            Ok(response) => self.checked(response).await,
            Err(_) => Err(ControlError::Silent),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<Response, ControlError> {
        let mut request = self.http.request(method, url(path)).timeout(ANSWER_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.checked(request.send().await).await
    }

    async fn checked(&self, response: reqwest::Result<Response>) -> Result<Response, ControlError> {
        match response {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(ControlError::refused(response).await),
            Err(error) if error.is_connect() => Err(ControlError::NotRunning {
                socket: self.socket.clone(),
            }),
            Err(error) => Err(ControlError::Broken(error)),
        }
    }
}

/// The host is only there because HTTP wants one.
fn url(path: &str) -> String {
    format!("http://clawhold{path}")
}

/// One part of a path, with everything escaped that could be taken for structure.
pub(crate) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_id_is_one_part_of_the_path() {
        assert_eq!(segment("webhook:shop:a/b ?ü"), "webhook:shop:a%2Fb%20%3F%C3%BC");
    }

    #[tokio::test]
    async fn without_a_node_the_error_says_how_to_start_one() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let control = Control::new(&dir.path().join(SOCKET_NAME)).expect("a client");
        let error = control.get::<()>("/v1/status").await.expect_err("nobody serves");
        assert!(matches!(error, ControlError::NotRunning { .. }), "{error:?}");
        assert!(error.to_string().contains("clawhold up"), "{error}");
    }
}
