//! What an operator says about the server, and what is made of it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::ConnectError;
use super::tls::Verification;

/// Connections per process, unless configured: turns of a runner and its heartbeat never wait for each other then, and
/// a hundred processes stay below what pgbouncer accepts by default.
const POOL_SIZE: usize = 8;
/// How long to wait for a connection, unless configured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement may run, unless configured. A call ends one second later at the latest.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// Idle time after which the kernel asks whether the server is still there, how often, and how many silent answers end it.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(3), 3);
/// How long sent bytes may stay unacknowledged: a server that vanished is noticed even in the middle of a call.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(5);

/// Where the database is and how to talk to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `postgres://user:password@host:port/database?sslmode=…`, as for libpq. `sslmode` is `disable`, `prefer` (the
    /// default), `require`, `verify-ca` or `verify-full`. Several hosts may be given; the one that takes writes is used.
    pub url: SecretString,
    /// PEM file with the authorities that sign the server's certificate; else `sslrootcert` of the URL, else those of
    /// the operating system.
    pub tls_ca_file: Option<PathBuf>,
    /// Largest number of connections.
    pub pool_size: usize,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// Whether connections keep their statements prepared, which halves the server's work.
    pub prepare: Prepare,
}

/// When connections keep their statements prepared.
///
/// Behind a pooler that gives each transaction whatever connection is free, a statement of somebody else may run under the
/// name of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prepare {
    /// Unless a look at the start finds such a pooler.
    #[default]
    Auto,
    /// Always: for a pooler that keeps track of them (pgbouncer 1.21 or newer with `max_prepared_statements` above 100).
    Always,
    /// Never: for a pooler that comes into the way later.
    Never,
}

impl Config {
    /// The database at `url`, everything else as usual.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            tls_ca_file: None,
            pool_size: POOL_SIZE,
            connect_timeout: CONNECT_TIMEOUT,
            statement_timeout: STATEMENT_TIMEOUT,
            prepare: Prepare::Auto,
        }
    }
}

/// A configuration that was understood.
pub(super) struct Target {
    pub(super) server: tokio_postgres::Config,
    pub(super) verification: Verification,
    /// Authorities to trust; none for those of the operating system.
    pub(super) ca_file: Option<PathBuf>,
    /// For people: user, hosts and database, never the password.
    pub(super) name: String,
}

/// Reads the URL. What is said about it never shows the password.
pub(super) fn understand(config: &Config) -> Result<Target, ConnectError> {
    let url = config.url.expose_secret();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(ConnectError::Url(
            "it must begin with postgres:// or postgresql://".to_owned(),
        ));
    }
    let (url, tls) = take_tls_options(url)?;
    let mut server: tokio_postgres::Config = url.parse().map_err(|error| ConnectError::Url(explain(&error)))?;
    if server.get_hosts().is_empty() {
        return Err(ConnectError::Url("it names no host".to_owned()));
    }
    server.ssl_mode(tls.mode);
    if server.get_application_name().is_none() {
        server.application_name("clawhold");
    }
    server
        // After a failover the old primary may still answer, as a standby that takes no writes.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .connect_timeout(config.connect_timeout)
        .tcp_user_timeout(UNACKNOWLEDGED_MAX)
        .keepalives_idle(KEEPALIVE.0)
        .keepalives_interval(KEEPALIVE.1)
        .keepalives_retries(KEEPALIVE.2);
    let ca_file = config.tls_ca_file.clone().or(tls.ca_file);
    let verification = match tls.verification {
        // As libpq does: who names an authority wants it asked.
        Verification::None if ca_file.is_some() => Verification::Authority,
        other => other,
    };
    let name = name_of(&server);
    Ok(Target {
        server,
        verification,
        ca_file,
        name,
    })
}

struct TlsOptions {
    mode: SslMode,
    verification: Verification,
    ca_file: Option<PathBuf>,
}

/// Takes out what the client library does not know: `sslmode=verify-…` and `sslrootcert`.
fn take_tls_options(url: &str) -> Result<(String, TlsOptions), ConnectError> {
    let mut tls = TlsOptions {
        mode: SslMode::Prefer,
        verification: Verification::None,
        ca_file: None,
    };
    let Some((place, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), tls));
    };
    let mut rest = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", mode)) => (tls.mode, tls.verification) = parse_mode(mode)?,
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", path)) => tls.ca_file = Some(PathBuf::from(path)),
            _ => rest.push(option),
        }
    }
    Ok((format!("{place}?{}", rest.join("&")), tls))
}

fn parse_mode(mode: &str) -> Result<(SslMode, Verification), ConnectError> {
    match mode {
        "disable" => Ok((SslMode::Disable, Verification::None)),
        "allow" | "prefer" => Ok((SslMode::Prefer, Verification::None)),
        "require" => Ok((SslMode::Require, Verification::None)),
        "verify-ca" => Ok((SslMode::Require, Verification::Authority)),
        "verify-full" => Ok((SslMode::Require, Verification::Full)),
        other => Err(ConnectError::Url(format!(
            "sslmode={other} is unknown: use disable, prefer, require, verify-ca or verify-full"
        ))),
    }
}

/// The reason alone: the error's own text names an option at most, never a value.
fn explain(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

fn name_of(server: &tokio_postgres::Config) -> String {
    let ports = server.get_ports();
    let hosts = server.get_hosts().iter().enumerate().map(|(n, host)| {
        let port = ports.get(n).or(ports.first()).unwrap_or(&5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}/.s.PGSQL.{port}", path.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, ConnectError> {
        understand(&Config::new(url))
    }

    #[test]
    fn every_sslmode_of_libpq_is_understood() {
        for (mode, expected, verification) in [
            ("disable", SslMode::Disable, Verification::None),
            ("prefer", SslMode::Prefer, Verification::None),
            ("require", SslMode::Require, Verification::None),
            ("verify-ca", SslMode::Require, Verification::Authority),
            ("verify-full", SslMode::Require, Verification::Full),
        ] {
            let target = target(&format!("postgres://u@h/d?sslmode={mode}&application_name=x")).unwrap();
            assert_eq!(
                (target.server.get_ssl_mode(), target.verification),
                (expected, verification)
            );
            assert_eq!(target.server.get_application_name(), Some("x"));
        }
    }

    #[test]
    fn an_authority_that_is_named_is_asked() {
        let target = target("postgres://u@h/d?sslmode=require&sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(target.verification, Verification::Authority);
        assert_eq!(target.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    }

    #[test]
    fn a_wrong_url_is_refused_without_showing_the_password() {
        for (url, said) in [
            ("mysql://u:hunter2@h/d", "it must begin with postgres://"),
            ("postgres://u:hunter2@h/d?sslmode=yes", "sslmode=yes is unknown"),
            ("postgres://u:hunter2@h/d?sslcert=x", "sslcert"),
            ("postgres://u:hunter2@h:port/d", "port"),
        ] {
            let error = target(url).err().unwrap();
            let text = format!("{error} {error:?}");
            assert!(text.contains(said) && !text.contains("hunter2"), "{text}");
        }
        assert!(!format!("{:?}", Config::new("postgres://u:hunter2@h/d")).contains("hunter2"));
    }

    #[test]
    fn hosts_are_named_without_credentials() {
        assert_eq!(target("postgres://u:p@a:1,b:2/d").unwrap().name, "a:1,b:2");
        assert_eq!(target("postgres://u:p@a/d").unwrap().name, "a:5432");
    }
}
