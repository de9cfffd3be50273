//! What every service of a fleet starts from: its life, its clock, its answers about itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use prometheus_client::registry::Registry;
use proto::ids::IdSource;
use proto::time::Clock;
use service::clock::SystemClock;
use service::http::serve;
use service::ids::RandomIds;
use service::lifecycle::{Lifecycle, Policy};
use service::readiness::Readiness;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// The common part.
pub(super) struct Base {
    pub(super) config: Config,
    pub(super) lifecycle: Lifecycle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) readiness: Readiness,
    pub(super) registry: Registry,
}

/// The answers of a service that has nothing else to say yet, until they are closed.
pub(super) struct Front {
    stop: CancellationToken,
    ended: tokio::sync::oneshot::Receiver<()>,
}

impl Base {
    pub(super) async fn open(config: Config, lifecycle: Lifecycle) -> anyhow::Result<Self> {
        lifecycle.listen_to_signals().context("signals cannot be heard")?;
        Ok(Self {
            config,
            lifecycle,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
            readiness: Readiness::new(),
            registry: Registry::default(),
        })
    }

    /// Serves `/healthz` and `/readyz` while the servers are being reached, so that whoever watches sees why it takes long.
    pub(super) async fn front(&self) -> anyhow::Result<Front> {
        let listener = self.listen().await?;
        // Whoever delivers a message now must try again, not give up.
        let later = async || (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "starting\n");
        let health = service::http::router(self.readiness.clone(), Arc::new(Registry::default())).fallback(later);
        let (stop, (done, ended)) = (CancellationToken::new(), tokio::sync::oneshot::channel());
        let serving = serve(listener, health, stop.clone());
        self.lifecycle
            .spawn_support("http while starting", Policy::BestEffort, async move {
                serving.await;
                // Nobody waits any more when the service is told to stop meanwhile.
                let _ = done.send(());
                Ok(())
            });
        Ok(Front { stop, ended })
    }

    /// Serves what every service says about itself, for services that say nothing else.
    pub(super) async fn serve_health(&mut self) -> anyhow::Result<()> {
        let listener = self.listen().await?;
        let health: Router =
            service::http::router(self.readiness.clone(), Arc::new(std::mem::take(&mut self.registry)));
        let stop = self.lifecycle.hard_stop();
        tracing::info!(http.listen = %listener.local_addr()?, "service serves");
        self.lifecycle.spawn_support("http", Policy::Critical, async move {
            serve(listener, health, stop).await;
            Ok(())
        });
        Ok(())
    }

    /// A name for this life of this instance, unlike that of any other.
    pub(super) fn holder(&self, name: &str) -> String {
        format!("{name}/{}", self.ids.uuid().simple())
    }

    async fn listen(&self) -> anyhow::Result<TcpListener> {
        let listen = self.config.http.listen;
        TcpListener::bind(listen).await.with_context(|| {
            format!(
                "cannot listen on {listen}: free the port, or choose another with http.listen (CLAWHOLD_HTTP_LISTEN)"
            )
        })
    }
}

impl Front {
    /// Frees the port for the service itself.
    pub(super) async fn close(self) {
        /// Longer than requests under way get.
        const PATIENCE: Duration = Duration::from_secs(5);
        self.stop.cancel();
        // Whatever still holds the port then is named when it is bound again.
        let _ = tokio::time::timeout(PATIENCE, self.ended).await;
    }
}
