//! What can be wrong with NATS, in words that say what to do.

use std::fmt;

use super::stream::OLDEST_SERVER;

/// Why the bus cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing was tried yet.
    #[error("NATS is being connected to")]
    Starting,
    /// The process ends.
    #[error("the connection to NATS is closed: this process is stopping")]
    Stopping,
    /// Nobody answers.
    #[error("NATS at {servers} cannot be reached ({cause}): check that it runs, and that nats.url is right")]
    Unreachable {
        /// Where it was looked for.
        servers: String,
        /// What happened.
        cause: String,
    },
    /// The connection broke; it is being made again.
    #[error("the connection to NATS at {servers} is lost; it is being made again")]
    Lost {
        /// Where it was.
        servers: String,
    },
    /// The server does not let this client in.
    #[error(
        "NATS at {servers} refuses the login: check the user and password, or the token, in nats.url, nats.nkey_file or \
         nats.credentials_file, whichever the server expects"
    )]
    Login {
        /// Where.
        servers: String,
    },
    /// The server cannot be trusted, or does not trust this client.
    #[error(
        "NATS at {servers}: no TLS connection ({cause}): check nats.ca_file, the name in nats.url against the \
         server's certificate, and nats.certificate_file and nats.key_file if the server asks for them"
    )]
    Tls {
        /// Where.
        servers: String,
        /// What happened.
        cause: String,
    },
    /// A file of the settings cannot be used.
    #[error("{setting}: {path} cannot be used: {cause}")]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: String,
        /// Why not.
        cause: String,
    },
    /// The server lacks what the bus needs.
    #[error(
        "NATS server {version} is too old: {oldest} or newer is needed, 2.15 is what compose ships",
        oldest = OLDEST_SERVER
    )]
    TooOld {
        /// What it says it is.
        version: String,
    },
    /// The server, or this account on it, has no JetStream.
    #[error(
        "NATS at {servers} has no JetStream for this account: start the server with `jetstream {{ store_dir: … }}`, or \
         enable it for the account"
    )]
    NoJetStream {
        /// Where.
        servers: String,
    },
    /// The login may not do what is needed.
    #[error(
        "NATS does not permit what the bus needs ({cause}): grant publish and subscribe on {prefix}.>, $JS.API.> and _INBOX.>"
    )]
    NotPermitted {
        /// What the server said.
        cause: String,
        /// Of the subjects.
        prefix: String,
    },
    /// There is a stream, and it is not as it must be.
    #[error(
        "the stream {stream} is not as it must be: {}. Change it with `nats stream edit {stream}`, choose another \
         nats.prefix, or, once all it holds is indexed, remove it with `nats stream rm {stream}`: it is made anew",
        list(.differences)
    )]
    Stream {
        /// Its name.
        stream: String,
        /// How it differs.
        differences: Vec<Difference>,
    },
    /// JetStream does not do what was asked of it.
    #[error("JetStream failed to {what}: {cause}")]
    JetStream {
        /// What was asked.
        what: &'static str,
        /// What it said.
        cause: String,
    },
}

/// One setting of a stream that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as NATS calls it.
    pub setting: String,
    /// What it is.
    pub is: String,
    /// What it must be.
    pub must_be: String,
}

impl Problem {
    /// Whether the process must not start: somebody has to decide something first. All others may pass by themselves.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::TooOld { .. } | Self::Stream { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} and must be {}", self.setting, self.is, self.must_be)
    }
}

fn list(differences: &[Difference]) -> String {
    let texts: Vec<_> = differences.iter().map(Difference::to_string).collect();
    texts.join("; ")
}
