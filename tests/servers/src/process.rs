//! One server process with its directory, and the guard that ends both if we cannot.
//!
//! The guard is a shell that waits for the end of its input, which the kernel brings about however this process ends. It does
//! more than a parent-death signal could: that one fires when the *thread* that started the server ends, and leaves the files.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start, to stop, or to do as it is told: long enough for a machine that is busy compiling.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is not ready.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
/// Of a log, as much as explains a failed start.
const LOG_LINES_SHOWN: usize = 30;

/// The last line it read is the process to end; an empty one means that there is none. A frozen process must run to obey.
const GUARD: &str = r#"
while read -r line; do server=$line; done
if [ -n "$server" ]; then
  kill -CONT "$server" $(cat "/proc/$server/task/$server/children")
  kill -"$2" "$server"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$server" || break
    sleep 1
  done
  kill -KILL "$server"
fi
rm -rf -- "$1"
"#;

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
    guard: Child,
    guard_input: Option<ChildStdin>,
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
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&directory)
            .arg(last_signal.as_raw().to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A test runner kills the group of a test that takes too long.
            .process_group(0)
            .spawn()
            .context("start the guard")?;
        let guard_input = guard.stdin.take();
        Ok(Self {
            directory,
            last_signal,
            state: Mutex::new(State {
                child: None,
                guard,
                guard_input,
            }),
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
        state.tell_guard(&child.id().to_string())?;
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
            if ready().await {
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

    fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut state = self.state();
        let Some(child) = &mut state.child else { return Ok(None) };
        let status = child.try_wait().context("look after the server")?;
        if status.is_some() {
            state.child = None;
            // From here on the number may belong to somebody else.
            state.tell_guard("")?;
        }
        Ok(status)
    }

    /// Sends a signal to the server, if it runs.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = self.id() else { return Ok(()) };
        kill_process(pid_of(pid), signal).with_context(|| format!("send {signal:?} to the server"))
    }

    /// Stops the server and its own children where they are.
    pub(crate) fn freeze(&self) -> Result<()> {
        // The parent first: it can start no more children then.
        self.signal(Signal::STOP)?;
        self.signal_children(Signal::STOP)
    }

    /// Undoes [`Process::freeze`].
    pub(crate) fn thaw(&self) -> Result<()> {
        self.signal_children(Signal::CONT)?;
        self.signal(Signal::CONT)
    }

    fn signal_children(&self, signal: Signal) -> Result<()> {
        let Some(pid) = self.id() else { return Ok(()) };
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).context("list the server's children")?;
        for child in children.split_whitespace() {
            // One that ended meanwhile needs no signal.
            let _ = kill_process(pid_of(child.parse().context("a process id")?), signal);
        }
        Ok(())
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

impl State {
    fn tell_guard(&mut self, line: &str) -> Result<()> {
        let input = self.guard_input.as_mut().expect("open until the process is dropped");
        writeln!(input, "{line}").context("tell the guard about the server")
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
        // The guard removes the files, and kills what did not end.
        let mut state = self.state();
        state.guard_input = None;
        let _ = state.guard.wait();
    }
}

fn pid_of(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed()).expect("a process id is not zero")
}
