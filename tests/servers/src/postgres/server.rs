//! The server and its handle.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio_postgres::{Client, NoTls};

use super::template::{self, succeed};
use crate::account::Account;
use crate::certificates::Certificates;
use crate::disk::Disk;
use crate::installed::program;
use crate::port::Port;
use crate::process::Process;

/// The superuser of every server here.
pub(crate) const USER: &str = "clawhold";
/// Many tests with a pool each share one server.
const CONNECTIONS_MAX: u32 = 600;

/// How a [`Postgres`] is to run. The default is for tests: nothing is forced to disk.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    durable: bool,
    tls: bool,
    disk_bytes: Option<u64>,
    settings: Vec<String>,
}

impl PostgresOptions {
    /// Forces every commit to disk, and gives it the memory of a production server: what a benchmark must measure.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Talks TLS with clients that want it ([`Postgres::authority_file`]).
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Keeps its data, the write-ahead log too, on a disk of its own that holds so many bytes ([`Postgres::disk`]). An empty
    /// server takes 40 MiB, and each further segment of the log 16.
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    /// Sets a parameter of `postgresql.conf`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start(self) -> Postgres {
        let started = Postgres::try_start(self).await;
        started.unwrap_or_else(|error| panic!("no Postgres for the tests: {error:#}"))
    }
}

/// A running Postgres with a superuser who needs no password.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: Port,
    account: Account,
    options: PostgresOptions,
    certificates: Option<Certificates>,
    databases: AtomicU32,
    /// Dropped after the process that uses it.
    disk: Option<Disk>,
}

impl Postgres {
    /// Starts a server for tests.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start() -> Self {
        Self::options().start().await
    }

    /// How it is to run, before it starts.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    async fn try_start(options: PostgresOptions) -> Result<Self> {
        let account = Account::unprivileged()?;
        // Immediate shutdown: SIGKILL would leave its shared memory behind.
        let process = Process::prepare("postgres", options.durable, Signal::QUIT)?;
        account.own(process.directory())?;
        let disk = options.disk_bytes.map(Disk::try_new).transpose()?;
        if let Some(disk) = &disk {
            account.own(disk.path())?;
        }
        let data = data(&process, disk.as_ref());
        tokio::task::spawn_blocking(move || template::copy_to(&data, account))
            .await
            .context("copy the template")??;
        let certificates = if options.tls {
            Some(Certificates::make(process.directory())?)
        } else {
            None
        };
        if let Some(made) = &certificates {
            // Postgres refuses a key that others may read.
            fs::set_permissions(&made.key, Permissions::from_mode(0o600)).context("protect the server's key")?;
            account.own(&made.key)?;
        }
        let postgres = Self {
            process,
            port: Port::reserve()?,
            certificates,
            account,
            options,
            databases: AtomicU32::new(0),
            disk,
        };
        postgres.run().await?;
        Ok(postgres)
    }

    /// Starts a standby that follows this server, with the same options, and makes commits wait until it has them: whichever of
    /// the two is lost, none is.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn standby(&self) -> Self {
        let started = self.try_standby().await;
        started.unwrap_or_else(|error| panic!("no standby for the tests: {error:#}"))
    }

    async fn try_standby(&self) -> Result<Self> {
        let standby = Self {
            process: Process::prepare("standby", self.options.durable, Signal::QUIT)?,
            port: Port::reserve()?,
            account: self.account,
            options: self.options.clone(),
            certificates: self.certificates.clone(),
            databases: AtomicU32::new(0),
            disk: None,
        };
        self.account.own(standby.process.directory())?;
        let mut copy = Command::new(program("postgres/bin/pg_basebackup")?);
        copy.env_clear()
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--dbname"])
            .arg(format!("postgres://{USER}@{}", self.addr()))
            .arg("--pgdata")
            .arg(standby.process.directory().join("data"))
            .current_dir(standby.process.directory());
        self.account.run(&mut copy);
        tokio::task::spawn_blocking(move || succeed(&mut copy))
            .await
            .context("copy the primary")??;
        standby.run().await?;
        let client = self.connect().await?;
        client
            .batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        let waited_for = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
        let follows = async || matches!(client.query_opt(waited_for, &[]).await, Ok(Some(_)));
        standby.process.until_ready(follows).await?;
        // The checkpointer is who tells the others to wait, and it reads its settings before it does as it is asked.
        client.batch_execute("CHECKPOINT").await?;
        Ok(standby)
    }

    /// Makes a standby take writes.
    ///
    /// # Panics
    /// When it does not.
    pub async fn promote(&self) {
        let client = self.connect().await.expect("the standby answers");
        let row = client.query_one("SELECT pg_promote()", &[]).await.unwrap();
        assert!(row.get::<_, bool>(0), "not promoted:\n{}", self.process.last_words());
    }

    async fn run(&self) -> Result<()> {
        self.process.start(self.command()?)?;
        self.process.until_ready(async || self.connect().await.is_ok()).await
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(program("postgres/bin/postgres")?);
        let data = data(&self.process, self.disk.as_ref());
        command.env_clear().arg("-D").arg(data);
        command.args(["-h", "127.0.0.1", "-p", &self.port.number().to_string()]);
        let mut settings = vec![
            "unix_socket_directories=".to_owned(),
            format!("max_connections={CONNECTIONS_MAX}"),
            "timezone=UTC".to_owned(),
        ];
        if self.options.durable {
            settings.push("shared_buffers=512MB".to_owned());
        } else {
            settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
        }
        if let Some(made) = &self.certificates {
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", made.certificate.display()));
            settings.push(format!("ssl_key_file={}", made.key.display()));
        }
        for setting in settings.iter().chain(&self.options.settings) {
            command.args(["-c", setting]);
        }
        self.account.run(&mut command);
        Ok(command)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Of the database `postgres`: for a look at the server itself. Tests take a [`Postgres::fresh_database`].
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", self.addr())
    }

    /// The disk it was given.
    ///
    /// # Panics
    /// When it was given none.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it has a disk of its own")
    }

    /// The authority that signed its certificate, if it talks TLS.
    pub fn authority_file(&self) -> Option<&Path> {
        Some(&self.certificates.as_ref()?.authority)
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// When the server does not make it.
    pub async fn fresh_database(&self) -> String {
        let name = format!("fresh_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let client = self.connect().await.expect("the server answers");
        // Unlike the default template, template0 may be copied while somebody copies it.
        let made = client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .await;
        made.unwrap_or_else(|error| panic!("{name} was not made: {error}\n{}", self.process.last_words()));
        self.url_of(&name)
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        // It ends with the client.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Stops it in an orderly way if it runs (connections are cut, what is committed stays) and starts it again, at the same
    /// address.
    ///
    /// # Panics
    /// When it does not stop or start.
    pub async fn restart(&self) {
        self.process.stop(Signal::INT).await.unwrap();
        self.run().await.unwrap();
    }

    /// Whether it runs: it ends by itself where it can neither go on nor recover.
    ///
    /// # Panics
    /// When that cannot be found out.
    pub fn runs(&self) -> bool {
        self.process.ended().unwrap();
        self.process.id().is_some()
    }

    /// Starts it again after it has ended by itself, as whoever supervises it does.
    ///
    /// # Errors
    /// When it ends once more instead of becoming ready; the error carries its log.
    pub async fn start_again(&self) -> Result<()> {
        self.run().await
    }

    /// Stops it as a crash would, until [`Postgres::restart`].
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop_hard(&self) {
        self.process.stop(Signal::QUIT).await.unwrap();
    }

    /// Holds it, and every connection's process, where they are: it accepts connections and answers nothing.
    ///
    /// # Panics
    /// When the signals cannot be sent.
    pub fn freeze(&self) {
        self.process.freeze().unwrap();
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When the signals cannot be sent.
    pub fn thaw(&self) {
        self.process.thaw().unwrap();
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.last_words()
    }
}

fn data(process: &Process, disk: Option<&Disk>) -> PathBuf {
    disk.map_or(process.directory(), Disk::path).join("data")
}
