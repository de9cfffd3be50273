//! Whether the server forces to disk what it acknowledges.
//!
//! JetStream's own API does not tell, and a client cannot find out otherwise: only the server's monitoring endpoint does
//! (`/varz`, `jetstream.config.sync_always`; the same in 2.10 and 2.15). Without its address nothing can be said, and
//! that is said.

use std::time::Duration;

use serde_json::Value;

/// Time for the endpoint to answer: it is a note for the operator, nobody waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What is known of the server's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Every acknowledged message is on the disk.
    Always,
    /// Only every so often: a crash of the host loses what was acknowledged since.
    Sometimes,
}

/// Logs what can be known of the server's durability, loudly if messages can be lost.
pub(super) async fn report(monitoring_url: Option<&str>) {
    let Some(url) = monitoring_url else {
        tracing::info!(
            "nats.monitoring_url is not set, so nobody checks that the server forces messages to disk; its configuration \
             must say jetstream {{ sync_interval: always }}"
        );
        return;
    };
    match ask(url).await {
        Ok(Durability::Always) => tracing::info!("the NATS server forces every accepted message to disk"),
        Ok(Durability::Sometimes) => tracing::error!(
            nats.monitoring_url = url,
            "the NATS server does not force accepted messages to disk: a crash of its host loses those of up to two \
             minutes. Set sync_interval: always in the jetstream block of its configuration and restart it"
        ),
        Err(cause) => tracing::warn!(
            nats.monitoring_url = url,
            cause,
            "nobody can tell whether the NATS server forces messages to disk: its monitoring endpoint does not answer. \
             Check nats.monitoring_url, and http_port in the server's configuration"
        ),
    }
}

async fn ask(url: &str) -> Result<Durability, String> {
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| super::connect::chain(&error))?;
    let url = format!("{}/varz", url.trim_end_matches('/'));
    let response = client
        .get(url)
        .send()
        .await
        .map_err(|error| super::connect::chain(&error))?;
    let text = response.text().await.map_err(|error| super::connect::chain(&error))?;
    let varz: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match varz.pointer("/jetstream/config") {
        None => Err("the answer says nothing of JetStream".to_owned()),
        Some(config) if config.get("sync_always") == Some(&Value::Bool(true)) => Ok(Durability::Always),
        Some(_) => Ok(Durability::Sometimes),
    }
}
