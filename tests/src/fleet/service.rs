//! One service as a process: started, killed, frozen, asked how it is.

use std::fs::{DirEntry, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use servers::{Disk, Port};

use super::{Links, PATIENCE};
use crate::node::{binary, inherited};
use crate::{Said, command};

/// How long a service may take to say how it is: one that is frozen never does.
const ANSWER: Duration = Duration::from_secs(2);

/// What a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `clawhold gateway`.
    Gateway,
    /// `clawhold scheduler`.
    Scheduler,
    /// `clawhold runner`.
    Runner,
}

/// One service.
pub struct Service {
    name: String,
    role: Role,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    port: Port,
    /// Its links.
    pub links: Links,
    child: Option<Child>,
    /// Where its data is, if not below its directory.
    disk: Option<Disk>,
}

impl Service {
    /// Prepares one in a directory of its own; [`Service::start`] starts it.
    pub fn new(role: Role, number: usize, fleet: &Path, links: Links, environment: &[(String, String)]) -> Self {
        let name = format!("{}-{number}", role.command());
        let directory = fleet.join(&name);
        std::fs::create_dir_all(&directory).unwrap();
        let port = Port::reserve().unwrap();
        let mut environment = environment.to_vec();
        environment.extend(
            [
                ("CLAWHOLD_DATA_DIR", directory.join("data").display().to_string()),
                ("CLAWHOLD_HTTP_LISTEN", port.address().to_string()),
                ("CLAWHOLD_RUNNER_NAME", name.clone()),
                ("CLAWHOLD_GATEWAY_NAME", name.clone()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Self {
            name,
            role,
            directory,
            environment,
            port,
            links,
            child: None,
            disk: None,
        }
    }

    /// Puts the data of a runner that was not started yet on a small disk of its own. What is written down of its agents stays
    /// where it is: a container engine has another place than a runner.
    #[must_use]
    pub fn on_disk(mut self, bytes: u64) -> Self {
        let disk = Disk::new(bytes);
        let place = disk.path().join("runners").join(&self.name);
        let records = self.directory.join("processes");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::create_dir(&records).unwrap();
        std::os::unix::fs::symlink(records, place.join("processes")).unwrap();
        let data = disk.path().display().to_string();
        // The last of a name counts.
        self.environment.push(("CLAWHOLD_DATA_DIR".to_owned(), data));
        self.disk = Some(disk);
        self
    }

    /// Starts it, also again after it was killed.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// As [`Service::start`], with more environment.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(binary())
            .arg(self.role.command())
            .current_dir(&self.directory)
            .env_clear()
            .envs(inherited())
            .envs(self.environment.iter().cloned())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills it as an outage would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Takes it off the processor.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Its exit, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.as_mut()?.try_wait().unwrap();
        if ended.is_some() {
            self.child = None;
        }
        ended
    }

    /// Waits until it has ended; returns its exit.
    pub async fn until_ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(exit) = self.ended() {
                return exit;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{} did not end; its log:\n{}",
                self.name,
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether there is a process, as far as we know.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Runs a command of the binary beside it, with its environment.
    pub async fn command(&self, arguments: &[&str]) -> Said {
        command(&self.directory, &self.environment, arguments, "").await
    }

    /// Its name: what it is, and its number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Address of its HTTP listener.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The same as a URL.
    pub fn http(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        match &self.disk {
            Some(disk) => disk.path().to_owned(),
            None => self.directory.join("data"),
        }
    }

    /// The disk that it was put on.
    ///
    /// # Panics
    /// When it was put on none.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it is on a disk of its own")
    }

    /// A gateway's control socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("data").join("clawhold.sock")
    }

    /// Process ids of a runner's agents, as far as they are written down.
    pub fn agents(&self) -> Vec<i32> {
        let place = self.data().join("runners").join(&self.name);
        let records = std::fs::read_dir(place.join("processes"));
        let pid = |record: DirEntry| {
            let record = std::fs::read(record.path()).ok()?;
            let record: Value = serde_json::from_slice(&record).ok()?;
            i32::try_from(record["pid"].as_i64()?).ok()
        };
        records.into_iter().flatten().flatten().filter_map(pid).collect()
    }

    /// What `/readyz` says, if it answers.
    pub async fn readiness(&self) -> Option<Value> {
        let request = reqwest::Client::new()
            .get(format!("{}/readyz", self.http()))
            .timeout(ANSWER);
        request.send().await.ok()?.json().await.ok()
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.readiness().await.is_some_and(|report| report["ready"] == true)
    }

    /// What `/metrics` says of one metric, its label sets added up.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let of_it = lines.filter(|line| line.split(['{', ' ']).next() == Some(name));
        of_it
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    async fn metrics(&self) -> String {
        let request = reqwest::Client::new()
            .get(format!("{}/metrics", self.http()))
            .timeout(ANSWER);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        let log = self.log_text();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Its whole log.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        // Its agents outlive it; those that were written down end here, the others by their own watchdog.
        for pid in self.agents().into_iter().filter(|pid| is_agent(*pid)) {
            if let Some(pid) = Pid::from_raw(pid) {
                // Ended already is fine.
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }
}

/// Whether the process of this id is an agent: the one that was written down may have ended, and its id be somebody else's.
fn is_agent(pid: i32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    program.file_name().is_some_and(|name| name == "instant-agent")
}

impl Role {
    /// The command that runs it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Scheduler => "scheduler",
            Self::Runner => "runner",
        }
    }
}
