//! How NATS is reached, and how large its stream may become.

use std::path::PathBuf;

use async_nats::ServerAddr;
use secrecy::SecretString;

/// Settings of the connection. Plain data; [`Config::check`] says what cannot be right in it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Servers, for example `nats://nats:4222`. One that can be reached is enough: it tells of the others.
    pub urls: Vec<String>,
    /// How this client says who it is.
    pub login: Login,
    /// How the server is known to be the right one.
    pub tls: Tls,
    /// Begins every subject, and the stream's name: several installations can share one NATS.
    pub prefix: String,
    /// Copies of the stream in a cluster of servers.
    pub replicas: usize,
    /// Size at which the stream refuses messages; none: that of the server's disk.
    pub max_bytes: Option<u64>,
    /// The server's monitoring address, for example `http://nats:8222`: says whether the server forces to disk what it
    /// acknowledges. A client has no other way to know.
    pub monitoring_url: Option<String>,
    /// Name of this client in the server's lists.
    pub client_name: String,
}

/// How a client says who it is.
#[derive(Clone, Debug)]
pub enum Login {
    /// Not at all.
    None,
    /// By name and password.
    Password {
        /// Name.
        user: String,
        /// Password.
        password: SecretString,
    },
    /// By a shared token.
    Token(SecretString),
    /// By a key, whose seed is in this file.
    NkeySeedFile(PathBuf),
    /// By the token and key in a credentials file.
    CredentialsFile(PathBuf),
}

/// How the connection is protected.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Speak TLS or not at all. A server that asks for it gets it in any case.
    pub required: bool,
    /// Certificates of the authorities to trust (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// This client's certificate and its key (PEM).
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What a process wants of NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Hints only: JetStream is not touched, and need not be allowed.
    Hints,
    /// The stream of accepted messages as well.
    Stream,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// No server.
    #[error("nats.url is empty: name at least one server, for example nats://127.0.0.1:4222")]
    NoUrl,
    /// Not the address of a server.
    #[error("nats.url: {0:?} is not the address of a NATS server: use nats://host:4222, or tls://host:4222")]
    Url(String),
    /// A secret where everybody sees it.
    #[error("nats.url: an address still holds the user and password that were to be taken out of it")]
    SecretInUrl,
    /// Not a prefix.
    #[error("nats.prefix: {0:?} cannot begin subjects: use 1 to {max} of a-z, 0-9, '-' and '_'", max = PREFIX_LENGTH_MAX)]
    Prefix(String),
    /// Not a number of copies.
    #[error("nats.replicas: JetStream keeps 1 to 5 copies, not {0}")]
    Replicas(usize),
    /// Too small for anything.
    #[error("nats.max_mb: {0} bytes do not hold one message; use at least {min}", min = STREAM_BYTES_MIN >> 20)]
    MaxBytes(u64),
}

/// Longest prefix, in bytes: it is in every subject.
const PREFIX_LENGTH_MAX: usize = 32;
/// Smallest stream, in bytes: some messages of the largest size.
const STREAM_BYTES_MIN: u64 = 16 * 1024 * 1024;

impl Config {
    /// Settings for one server without a login.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            login: Login::None,
            tls: Tls::default(),
            prefix: "clawhold".to_owned(),
            replicas: 1,
            max_bytes: None,
            monitoring_url: None,
            client_name: "clawhold".to_owned(),
        }
    }

    /// Says what cannot be right, without a look at any server or file.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub fn check(&self) -> Result<(), InvalidConfig> {
        self.addresses()?;
        let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let length = self.prefix.len();
        if length == 0 || length > PREFIX_LENGTH_MAX || !self.prefix.bytes().all(token) {
            return Err(InvalidConfig::Prefix(self.prefix.clone()));
        }
        if !(1..=5).contains(&self.replicas) {
            return Err(InvalidConfig::Replicas(self.replicas));
        }
        match self.max_bytes {
            Some(bytes) if bytes < STREAM_BYTES_MIN => Err(InvalidConfig::MaxBytes(bytes)),
            _ => Ok(()),
        }
    }

    /// The servers.
    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>, InvalidConfig> {
        if self.urls.is_empty() {
            return Err(InvalidConfig::NoUrl);
        }
        let parse = |url: &String| {
            let address: ServerAddr = url.parse().map_err(|_| InvalidConfig::Url(url.clone()))?;
            match (address.has_user_pass(), address.scheme()) {
                (true, _) => Err(InvalidConfig::SecretInUrl),
                (false, "nats" | "tls") => Ok(address),
                (false, _) => Err(InvalidConfig::Url(url.clone())),
            }
        };
        self.urls.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Config)) -> InvalidConfig {
        let mut config = Config::new("nats://127.0.0.1:4222");
        change(&mut config);
        config.check().unwrap_err()
    }

    #[test]
    fn what_cannot_be_right_is_said_before_anything_is_tried() {
        assert_eq!(refusal(|c| c.urls.clear()), InvalidConfig::NoUrl);
        assert_eq!(
            refusal(|c| c.urls = vec!["http://x".into()]),
            InvalidConfig::Url("http://x".into())
        );
        assert_eq!(
            refusal(|c| c.urls = vec!["nats://me:secret@x".into()]),
            InvalidConfig::SecretInUrl
        );
        assert_eq!(
            refusal(|c| c.prefix = "a.b".into()),
            InvalidConfig::Prefix("a.b".into())
        );
        // The stream's name is the prefix in capitals: two prefixes must not share one.
        assert_eq!(
            refusal(|c| c.prefix = "Ours".into()),
            InvalidConfig::Prefix("Ours".into())
        );
        assert_eq!(refusal(|c| c.replicas = 0), InvalidConfig::Replicas(0));
        assert_eq!(refusal(|c| c.max_bytes = Some(5)), InvalidConfig::MaxBytes(5));
    }

    #[test]
    fn a_password_is_not_shown() {
        let mut config = Config::new("nats://127.0.0.1:4222");
        config.login = Login::Password {
            user: "me".into(),
            password: "hunter2".into(),
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
