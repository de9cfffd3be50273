//! `clawhold health`: asks a service whether it can work, for health checks of containers and for people.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::config;

/// A service that says nothing for this long is not well, and who asks has a limit of his own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the service of this machine or container whether it can work; exit code 1 when it cannot.
#[derive(Args, Debug)]
pub(crate) struct HealthArgs {
    /// Address of another service, as http://host:port.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Configuration file of the service [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
}

/// Runs the command: the report goes to standard output.
pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<ExitCode> {
    let base = match args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let listen = config::load(args.config.as_deref(), Vec::new())?.config.http.listen;
            format!("http://{}", reachable(listen))
        }
    };
    let report = ask(&format!("{base}/readyz")).await?;
    std::io::stdout().lock().write_all(text(&report).as_bytes())?;
    Ok(if is_ready(&report) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where one's own service is reached that listens there.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(url: &str) -> anyhow::Result<Value> {
    // A proxy for the way out is not a way to oneself.
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build()?;
    let answer = client.get(url).send().await.with_context(|| {
        format!("no service answers at {url}: it does not run, or it listens elsewhere (http.listen)")
    })?;
    // Not ready is a report as well, with a status of its own.
    let report: Option<Value> = answer.json().await.ok();
    let report = report.filter(|report| report["ready"].is_boolean());
    report.with_context(|| format!("what answers at {url} is not a service of ours"))
}

fn is_ready(report: &Value) -> bool {
    report["ready"] == true
}

/// The report as lines for people; the engine keeps them, so that `docker inspect` shows why a container is not healthy.
fn text(report: &Value) -> String {
    let mut text = String::from(if is_ready(report) { "ready\n" } else { "not ready\n" });
    for (name, condition) in report["conditions"].as_object().into_iter().flatten() {
        let state = condition["state"].as_str().unwrap_or("unknown");
        let reason = condition["reason"].as_str();
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {name}: {state}{reason}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:7300", "127.0.0.1:7300"),
            ("[::]:7301", "[::1]:7301"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn the_report_names_what_is_not_well() {
        let report = json!({"ready": false, "conditions": {
            "nats": {"state": "ok"},
            "postgres": {"state": "degraded", "reason": "connection refused"},
        }});
        assert_eq!(
            text(&report),
            "not ready\n  nats: ok\n  postgres: degraded (connection refused)\n"
        );
        assert!(!is_ready(&report) && !is_ready(&json!("ready")));
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_says_where() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        drop(listener);
        let error = ask(&url).await.unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("http.listen"), "{error}");
    }
}
