//! The server and its handle.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use super::options::{Keys, NatsOptions};
use crate::disk::Disk;
use crate::installed::program;
use crate::port::Port;
use crate::process::Process;

/// Which server: the newest, or the oldest one we promise to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.15.1
    V2_15,
    /// 2.10.27
    V2_10,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Self::V2_15 => "2.15.1",
            Self::V2_10 => "2.10.27",
        }
    }
}

/// A running NATS server.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: Port,
    version: Version,
    keys: Keys,
    /// Dropped after the process that uses it.
    disk: Option<Disk>,
}

impl Nats {
    /// Starts a server for tests: JetStream on, everybody may do everything.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start(version: Version) -> Self {
        Self::options(version).start().await
    }

    /// How it is to run, before it starts.
    pub fn options(version: Version) -> NatsOptions {
        NatsOptions::new(version)
    }

    pub(super) async fn try_start(options: NatsOptions) -> Result<Self> {
        let process = Process::prepare("nats", options.durable, Signal::KILL)?;
        let port = Port::reserve()?;
        let disk = options.disk_bytes.map(Disk::try_new).transpose()?;
        let store = store(&process, disk.as_ref());
        let keys = options.write_config(process.directory(), &store, port.address())?;
        let nats = Self {
            process,
            port,
            version: options.version,
            keys,
            disk,
        };
        nats.run().await?;
        Ok(nats)
    }

    async fn run(&self) -> Result<()> {
        let mut command = Command::new(program(&format!("nats-{}/nats-server", self.version.number()))?);
        command
            .env_clear()
            .arg("-c")
            .arg(self.process.directory().join("nats.conf"));
        self.process.start(command)?;
        self.process.until_ready(async || self.greets().await).await
    }

    /// It greets whoever connects, once JetStream is up.
    async fn greets(&self) -> bool {
        let Ok(stream) = TcpStream::connect(self.addr()).await else {
            return false;
        };
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line).await;
        read.is_ok() && line.starts_with("INFO ")
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The disk it was given.
    ///
    /// # Panics
    /// When it was given none.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it has a disk of its own")
    }

    /// What a client needs in order to get in.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where it listens, as a client wants it. A password is not in it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// Stops it in an orderly way if it runs and starts it again, at the same address, with its data.
    ///
    /// # Panics
    /// When it does not stop or start.
    pub async fn restart(&self) {
        self.process.stop(Signal::TERM).await.unwrap();
        self.run().await.unwrap();
    }

    /// Kills it, until [`Nats::restart`].
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kill(&self) {
        self.process.stop(Signal::KILL).await.unwrap();
    }

    /// Kills it and starts it again without its data: streams, messages and stored objects are gone.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn wipe(&self) {
        self.kill().await;
        fs::remove_dir_all(store(&self.process, self.disk.as_ref())).unwrap();
        self.run().await.unwrap();
    }

    /// Holds it where it is: it accepts connections and answers nothing.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn freeze(&self) {
        self.process.freeze().unwrap();
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn thaw(&self) {
        self.process.thaw().unwrap();
    }

    /// Its process; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.last_words()
    }
}

fn store(process: &Process, disk: Option<&Disk>) -> PathBuf {
    disk.map_or(process.directory(), Disk::path).join("jetstream")
}
