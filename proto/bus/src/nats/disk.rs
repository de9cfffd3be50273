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
    // The HTTP client wants a provider even where no TLS is spoken. A second installation is refused, and that is fine.
    let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with this body.
    async fn answers(body: &'static str) -> Result<Durability, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /varz "));
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).await.unwrap();
        };
        tokio::join!(ask(&url), serve).0
    }

    /// The answers are those of 2.10.27 and 2.15.1, shortened.
    #[tokio::test]
    async fn a_server_that_does_not_force_to_disk_is_found_out() {
        let always = r#"{"jetstream":{"config":{"store_dir":"/d","sync_interval":120000000000,"sync_always":true}}}"#;
        assert_eq!(answers(always).await, Ok(Durability::Always));
        let default = r#"{"jetstream":{"config":{"store_dir":"/d","sync_interval":120000000000}}}"#;
        assert_eq!(answers(default).await, Ok(Durability::Sometimes));
        assert!(
            answers(r#"{"jetstream":{}}"#)
                .await
                .unwrap_err()
                .contains("says nothing")
        );
        assert!(answers("busy").await.is_err());
    }

    #[tokio::test]
    async fn an_endpoint_that_is_not_there_is_no_reason_to_stop() {
        assert!(ask("http://127.0.0.1:1").await.is_err());
        report(Some("http://127.0.0.1:1")).await;
    }
}
