//! A pgbouncer in transaction mode before a Postgres: what a fleet may be deployed behind, and what breaks everything that
//! relies on a session (advisory locks, `SET`, prepared statements that outlive a transaction).

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio_postgres::NoTls;

use crate::account::Account;
use crate::address::redirected;
use crate::installed::program;
use crate::port::Port;
use crate::postgres::{Postgres, USER};
use crate::process::Process;

/// Of the server, per database: few, so that clients really take turns on a connection.
const SERVER_CONNECTIONS_MAX: u32 = 4;
/// Seconds after which it gives a connection back: each test has databases of its own, which would keep theirs.
const SERVER_IDLE_S: u32 = 2;
/// Of clients: more than any test has.
const CLIENT_CONNECTIONS_MAX: u32 = 1_000;

/// A running pgbouncer.
#[derive(Debug)]
pub struct PgBouncer {
    process: Process,
    port: Port,
}

impl PgBouncer {
    /// Starts one before all databases of a server.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start(postgres: &Postgres) -> Self {
        let started = Self::try_start(postgres).await;
        started.unwrap_or_else(|error| panic!("no pgbouncer for the tests: {error:#}"))
    }

    async fn try_start(postgres: &Postgres) -> Result<Self> {
        let account = Account::unprivileged()?;
        let bouncer = Self {
            process: Process::prepare("pgbouncer", false, Signal::KILL)?,
            port: Port::reserve()?,
        };
        account.own(bouncer.process.directory())?;
        let config = bouncer.process.directory().join("pgbouncer.ini");
        fs::write(&config, bouncer.config(postgres.addr())).context("write pgbouncer's configuration")?;
        let mut command = Command::new(program("pgbouncer")?);
        command.env_clear().arg(config);
        account.run(&mut command);
        bouncer.process.start(command)?;
        let url = bouncer.through(&postgres.url());
        let ready = async || tokio_postgres::connect(&url, NoTls).await.is_ok();
        bouncer.process.until_ready(ready).await?;
        Ok(bouncer)
    }

    fn config(&self, server: SocketAddr) -> String {
        format!(
            "[databases]\n\
             * = host={} port={} user={USER}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS_MAX}\n\
             max_client_conn = {CLIENT_CONNECTIONS_MAX}\n\
             server_idle_timeout = {SERVER_IDLE_S}\n",
            server.ip(),
            server.port(),
            self.port.number()
        )
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The way to a database of the server through here.
    pub fn through(&self, url: &str) -> String {
        redirected(url, self.addr())
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.last_words()
    }
}
