//! One server process with its directory and its [`Guard`].

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::frozen::{freeze_with_children, thaw_with_children};
use crate::guard::Guard;

/// How long a server may take to start, to stop, or to do as it is told: long enough for a machine that is busy compiling.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is not ready.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
/// How long one look may take: a server that is starting may accept and say nothing.
const ANSWER: Duration = Duration::from_secs(5);
/// Of a log, as much as explains a failed start.
const LOG_LINES_SHOWN: usize = 30;

/// A server's process, or the place where it ran and will run again.
#[derive(Debug)]
pub(crate) struct Process {
    directory: PathBuf,
    /// What ends the server at once without leaving anything in the kernel.
    last_signal: Signal,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Option<Child>,
    guard: Guard,
}

impl Process {
    /// Makes a directory for a server that is not started yet. A `durable` one lies on a disk even where /tmp does not.
    pub(crate) fn prepare(name: &str, durable: bool, last_signal: Signal) -> Result<Self> {
        let root = if durable {
            PathBuf::from("/var/tmp")
        } else {
            std::env::temp_dir()
        };
        let directory = tempfile::Builder::new()
            .prefix(&format!("clawhold-{name}-"))
            .tempdir_in(root)
            .context("make a directory for the server")?
            .keep();
        let guard = Guard::of_server(&directory, last_signal)?;
        Ok(Self {
            directory,
            last_signal,
            state: Mutex::new(State { child: None, guard }),
        })
    }

    /// The server's files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server. What it says goes to its log.
    pub(crate) fn start(&self, mut command: Command) -> Result<()> {
        let mut state = self.state();
        anyhow::ensure!(state.child.is_none(), "the server runs already");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .context("open the server's log")?;
        let child = command
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the server's log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        state.guard.watch(child.id())?;
        state.child = Some(child);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The end of what the server said.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.state().child.as_ref().map(Child::id)
    }

    /// Waits until `ready` says so; fails at once if the server ends instead.
    pub(crate) async fn until_ready(&self, mut ready: impl AsyncFnMut() -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            if tokio::time::timeout(ANSWER, ready()).await == Ok(true) {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                anyhow::bail!("the server ended ({status}):\n{}", self.last_words());
            }
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "the server is not ready after {PATIENCE:?}:\n{}",
                self.last_words()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How it ended, the first time somebody asks after that.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut state = self.state();
        let Some(child) = &mut state.child else { return Ok(None) };
        let status = child.try_wait().context("look after the server")?;
        if status.is_some() {
            state.child = None;
            state.guard.forget()?;
        }
        Ok(status)
    }

    /// Sends a signal to the server, if it runs.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = self.id() else { return Ok(()) };
        kill_process(pid_of(pid), signal).with_context(|| format!("send {signal:?} to the server"))
    }

    /// Stops the server and its own children where they are. When this returns they stand.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.id().map_or(Ok(()), freeze_with_children)
    }

    /// Undoes [`Process::freeze`].
    pub(crate) fn thaw(&self) -> Result<()> {
        self.id().map_or(Ok(()), thaw_with_children)
    }

    /// Sends a signal and waits for the end. Thaws first: a frozen server does not obey.
    pub(crate) async fn stop(&self, signal: Signal) -> Result<()> {
        self.signal(signal)?;
        self.thaw()?;
        let started = Instant::now();
        while self.id().is_some() && self.ended()?.is_none() {
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "the server did not stop in {PATIENCE:?}:\n{}",
                self.last_words()
            );
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.signal(self.last_signal);
        let _ = self.thaw();
        let started = Instant::now();
        while self.id().is_some() && matches!(self.ended(), Ok(None)) && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The guard, which is dropped next, removes the files and kills what did not end.
    }
}

pub(crate) fn pid_of(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed()).expect("a process id is not zero")
}
