//! One try to connect, and what a failure means.

use std::error::Error;
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use tokio::sync::mpsc;

use super::config::Config;
use super::login;
use super::problem::Problem;

/// Time for one connection to be made, TLS and login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Two unanswered pings and the connection counts as lost: a server that is cut off is noticed within three of these.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Messages a subscription holds for its reader; the readers here forward at once.
const SUBSCRIPTION_CAPACITY: usize = 4_096;
/// Longest wait between two tries to connect again.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(2);
/// Events kept for the driver. A lost one costs the time until its next look.
const EVENTS: usize = 64;

/// A connection of its own, for those who move much: hints must not wait behind it. It is returned at once and made as soon as a
/// server can be reached; what is asked of it until then fails. A login that is refused is tried again for ever, by what its file
/// says then.
///
/// # Errors
/// For settings that cannot be right, and files that cannot be used.
pub async fn client(config: &Config) -> Result<Client, Problem> {
    let (options, _) = options(config).await?;
    let connecting = options.retry_on_initial_connect().connect(addresses(config)?);
    connecting.await.map_err(|error| classify(config, &error))
}

/// Connects; the client makes its connection again by itself for ever.
pub(super) async fn connect(config: &Config) -> Result<(Client, mpsc::Receiver<Event>), Problem> {
    let (options, events) = options(config).await?;
    let connecting = options.connect(addresses(config)?);
    let client = connecting.await.map_err(|error| classify(config, &error))?;
    Ok((client, events))
}

fn addresses(config: &Config) -> Result<Vec<ServerAddr>, Problem> {
    config.addresses().map_err(|error| Problem::Unreachable {
        servers: servers(config),
        cause: error.to_string(),
    })
}

async fn options(config: &Config) -> Result<(ConnectOptions, mpsc::Receiver<Event>), Problem> {
    let (sender, events) = mpsc::channel(EVENTS);
    let options = with_tls(login::options(&config.login).await?, config).await?;
    let options = options
        .name(&config.client_name)
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .reconnect_delay_callback(|attempt| {
            let doubled =
                Duration::from_millis(10) * 2_u32.saturating_pow(u32::try_from(attempt).unwrap_or(16).min(16));
            if attempt <= 1 {
                Duration::ZERO
            } else {
                doubled.min(RECONNECT_WAIT_MAX)
            }
        })
        .event_callback(move |event| {
            let sender = sender.clone();
            async move {
                let _ = sender.try_send(event);
            }
        });
    Ok((options, events))
}

/// The servers, for people.
pub(super) fn servers(config: &Config) -> String {
    config.urls.join(", ")
}

async fn with_tls(mut options: ConnectOptions, config: &Config) -> Result<ConnectOptions, Problem> {
    let tls = &config.tls;
    if let Some(path) = &tls.ca_file {
        login::read("nats.ca_file", path).await?;
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &tls.client {
        login::read("nats.certificate_file", certificate).await?;
        login::read("nats.key_file", key).await?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options.require_tls(tls.required))
}

fn classify(config: &Config, error: &ConnectError) -> Problem {
    let (servers, cause) = (servers(config), chain(error));
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Problem::Login { servers },
        ConnectErrorKind::Tls => Problem::Tls { servers, cause },
        _ if is_tls(error, config.tls.required) => Problem::Tls { servers, cause },
        _ => Problem::Unreachable { servers, cause },
    }
}

/// rustls reports through `io::Error`. A server without TLS answers the handshake with text, or hangs up.
fn is_tls(error: &ConnectError, tls_required: bool) -> bool {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            let from_rustls = io
                .get_ref()
                .is_some_and(|inner| inner.is::<async_nats::rustls::Error>());
            let hung_up = tls_required && io.kind() == std::io::ErrorKind::UnexpectedEof;
            if from_rustls || hung_up {
                return true;
            }
        }
        source = current.source();
    }
    false
}

/// An error and its sources, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(current) = source {
        let next = current.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = current.source();
    }
    text
}
