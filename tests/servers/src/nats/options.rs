//! How a server is to run, and the configuration file that says so.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nkeys::KeyPair;

use super::credentials::Credentials;
use super::server::{Nats, Version};
use crate::certificates::Certificates;

/// How a [`Nats`] is to run. The default is for tests: nothing is forced to disk, everybody may do everything.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    pub(super) version: Version,
    pub(super) durable: bool,
    name: String,
    login: Login,
    tls: bool,
    store_max: Option<u64>,
    pub(super) disk_bytes: Option<u64>,
    lines: String,
}

#[derive(Clone, Debug)]
enum Login {
    None,
    Password { user: String, password: String },
    Nkey,
    Credentials,
}

/// What a client needs in order to get in, besides the URL. What a server does not ask for is `None`.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The seed of the client's key.
    pub nkey_seed: Option<String>,
    /// A credentials file.
    pub credentials_file: Option<PathBuf>,
    /// The authority that signed the server's certificate.
    pub authority_file: Option<PathBuf>,
}

impl NatsOptions {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            durable: false,
            name: "test".to_owned(),
            login: Login::None,
            tls: false,
            store_max: None,
            disk_bytes: None,
            lines: String::new(),
        }
    }

    /// Forces every message to disk before it is acknowledged (`sync_interval: always`): what we ship, and what a benchmark
    /// must measure.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Asks for a user name and a password.
    #[must_use]
    pub fn password(mut self, user: &str, password: &str) -> Self {
        self.login = Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        self
    }

    /// Asks for a key ([`Keys::nkey_seed`]).
    #[must_use]
    pub fn nkey(mut self) -> Self {
        self.login = Login::Nkey;
        self
    }

    /// Asks for a token signed by an account ([`Keys::credentials_file`]).
    #[must_use]
    pub fn credentials(mut self) -> Self {
        self.login = Login::Credentials;
        self
    }

    /// Talks TLS only ([`Keys::authority_file`]).
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Gives JetStream this many bytes of disk and no more (`max_file_store`).
    #[must_use]
    pub fn store_max(mut self, bytes: u64) -> Self {
        self.store_max = Some(bytes);
        self
    }

    /// Keeps what JetStream stores on a disk of its own that holds so many bytes ([`Nats::disk`]).
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    /// Names it, as the servers of a cluster must be.
    pub(super) fn named(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    /// Adds a line to the configuration file, such as `max_payload: 65536`.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push_str(line);
        self.lines.push('\n');
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start(self) -> Nats {
        let started = Nats::try_start(self).await;
        started.unwrap_or_else(|error| panic!("no NATS for the tests: {error:#}"))
    }

    /// Writes `nats.conf`, and the files it names, to a directory. `store` is where JetStream keeps what it has.
    pub(super) fn write_config(&self, directory: &Path, store: &Path, address: SocketAddr) -> Result<Keys> {
        let mut keys = Keys::default();
        let sync = if self.durable { ", sync_interval: always" } else { "" };
        let limit = self.store_max.map(|bytes| format!(", max_file_store: {bytes}"));
        let limit = limit.unwrap_or_default();
        let mut config = format!(
            "listen: \"{address}\"\nserver_name: {}\njetstream {{ store_dir: \"{}\"{sync}{limit} }}\n{}",
            self.name,
            store.display(),
            self.lines
        );
        config.push_str(&self.login.config(directory, &mut keys)?);
        if self.tls {
            let made = Certificates::make(directory)?;
            config.push_str(&format!(
                "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
                made.certificate.display(),
                made.key.display()
            ));
            keys.authority_file = Some(made.authority);
        }
        fs::write(directory.join("nats.conf"), config).context("write the server's configuration")?;
        Ok(keys)
    }
}

impl Login {
    fn config(&self, directory: &Path, keys: &mut Keys) -> Result<String> {
        match self {
            Self::None => Ok(String::new()),
            Self::Password { user, password } => Ok(format!(
                "authorization {{ user: \"{user}\", password: \"{password}\" }}\n"
            )),
            Self::Nkey => {
                let user = KeyPair::new_user();
                keys.nkey_seed = Some(user.seed().context("the user's seed")?);
                Ok(format!(
                    "authorization {{ users: [ {{ nkey: {} }} ] }}\n",
                    user.public_key()
                ))
            }
            Self::Credentials => {
                let made = Credentials::make()?;
                let file = directory.join("user.creds");
                fs::write(&file, made.file).context("write the credentials file")?;
                keys.credentials_file = Some(file);
                Ok(made.config)
            }
        }
    }
}
