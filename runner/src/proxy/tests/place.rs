//! An upstream, a proxy before it, and a client of the proxy.

use std::sync::Arc;
use std::time::Duration;

use crate::proxy::Metrics;
use axum::Router;
use prometheus_client::registry::Registry;
use serde_json::Value;
use service::clock::SystemClock;
use service::config::Secret;
use tokio::task::JoinSet;

use super::super::{Listen, Proxies, ProxyAddress, ProxyHandle, RunToken};
use crate::config::Model;

pub(super) const REAL_KEY: &str = "sk-real-key";

pub(super) struct Place {
    pub(super) proxies: Proxies,
    pub(super) handle: ProxyHandle,
    pub(super) token: RunToken,
    pub(super) client: reqwest::Client,
    pub(super) tasks: JoinSet<()>,
    pub(super) data: tempfile::TempDir,
    pub(super) registry: Registry,
}

/// A model section with an API key, for an upstream at `base_url`.
pub(super) fn model(base_url: &str) -> Model {
    Model {
        api_key: Some(Secret::new(REAL_KEY)),
        base_url: base_url.to_owned(),
        ..Model::default()
    }
}

/// Serves a router; returns its address.
pub(super) async fn upstream(router: Router, tasks: &mut JoinSet<()>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

impl Place {
    pub(super) async fn before(router: Router) -> Self {
        let mut tasks = JoinSet::new();
        let base_url = upstream(router, &mut tasks).await;
        Self::with(&model(&base_url), tempfile::tempdir().unwrap(), tasks)
    }

    pub(super) fn with(model: &Model, data: tempfile::TempDir, mut tasks: JoinSet<()>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut registry = Registry::default();
        let proxies = Proxies::new(
            model,
            data.path(),
            Arc::new(SystemClock::new()),
            Metrics::register(&mut registry),
        )
        .unwrap();
        let token = RunToken::mint().unwrap();
        let (handle, serving) = proxies.open(Listen::Loopback, token.clone()).unwrap();
        tasks.spawn(serving);
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            proxies,
            handle,
            token,
            client,
            tasks,
            data,
            registry,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        let ProxyAddress::Tcp(address) = self.handle.address() else {
            panic!("not on TCP")
        };
        format!("http://{address}{path}")
    }

    /// A request for a message, with the run's token.
    pub(super) fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let request = self.client.post(self.url("/v1/messages?beta=true")).body(body);
        request
            .header("x-api-key", self.token.expose())
            .header("content-type", "application/json")
    }

    pub(super) fn metrics(&self) -> String {
        service::metrics::encode(&self.registry).unwrap()
    }
}

/// Type and message of an error answer.
pub(super) async fn error_of(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], "error");
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (status, text("type"), text("message"))
}

/// Waits until a predicate holds.
pub(super) async fn until(mut predicate: impl FnMut() -> bool) {
    let polling = async {
        while !predicate() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), polling)
        .await
        .expect("it came true in time");
}
