//! A server of S3 that is not of ours: `rclone serve s3`, which keeps a bucket as a directory and verifies signatures.
//!
//! Unlike S3 it lets whoever reads an object see a write of that object half done, and believes the hash of a body that was
//! signed.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::installed::program;
use crate::port::Port;
use crate::process::Process;

/// A running server with one bucket.
#[derive(Debug)]
pub struct Rclone {
    process: Process,
    port: Port,
}

impl Rclone {
    /// Starts one for requests that are signed with this key.
    ///
    /// # Panics
    /// When it cannot be started; the message carries its log.
    pub async fn start(bucket: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        let started = Self::try_start(bucket, access_key_id, secret_access_key).await;
        started.unwrap_or_else(|error| panic!("no S3 for the tests: {error:#}"))
    }

    async fn try_start(bucket: &str, access_key_id: &str, secret_access_key: &str) -> Result<Self> {
        let server = Self {
            process: Process::prepare("rclone", false, Signal::KILL)?,
            port: Port::reserve()?,
        };
        let buckets = server.process.directory().join("buckets");
        fs::create_dir_all(buckets.join(bucket)).context("make the bucket")?;
        let mut command = Command::new(program("rclone-1.75.2/rclone")?);
        command
            .env_clear()
            // It would look for one in a home directory.
            .args(["serve", "s3", "--config", "/dev/null"])
            .args(["--addr", &server.addr().to_string()])
            .args(["--auth-key", &format!("{access_key_id},{secret_access_key}")])
            .arg(buckets);
        server.process.start(command)?;
        let answers = async || TcpStream::connect(server.addr()).await.is_ok();
        server.process.until_ready(answers).await?;
        Ok(server)
    }

    fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The endpoint, for a client that names the bucket in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process.last_words()
    }
}
