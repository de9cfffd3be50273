//! The runtime itself.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use async_trait::async_trait;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::record::Record;
use crate::sandbox::{
    Contract, EXIT_KILLED, Exit, Found, ImageInfo, RuntimeError, RuntimeInfo, SandboxId, SandboxRuntime, SandboxSpec,
    Started, validate,
};

/// Base of the exit code of a process that a signal ended.
const SIGNALLED: i64 = 128;

/// Where images of ours begin.
const WORKSPACE: &str = "/workspace/group";

/// Runs programs of the host as if they were sandboxes.
#[derive(Debug)]
pub struct ProcessRuntime {
    records: PathBuf,
    install: String,
}

impl ProcessRuntime {
    /// Writes down what it starts in `records`, a directory of its own that is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(records: PathBuf, install: impl Into<String>) -> io::Result<Self> {
        std::fs::create_dir_all(&records)?;
        let install = install.into();
        Ok(Self { records, install })
    }

    fn path(&self, id: &SandboxId) -> PathBuf {
        self.records.join(format!("{id}.json"))
    }

    fn spawn(&self, spec: &SandboxSpec) -> io::Result<Child> {
        let mut command = Command::new(&spec.image);
        if let Some(workspace) = spec.mounts.iter().find(|mount| mount.target == WORKSPACE) {
            command.current_dir(&workspace.source);
        }
        command
            .env_clear()
            .envs(spec.env.iter().map(|(name, value)| (name, on_host(spec, value))))
            .env("CLAWHOLD_SANDBOX", &spec.name)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn signal(&self, id: &SandboxId, signal: Signal) -> bool {
        Record::read(&self.path(id)).is_ok_and(|record| record.signal(signal))
    }
}

#[async_trait]
impl SandboxRuntime for ProcessRuntime {
    async fn probe(&self) -> Result<RuntimeInfo, RuntimeError> {
        Ok(RuntimeInfo {
            engine: "process",
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    async fn image(&self, image: &str) -> Result<ImageInfo, RuntimeError> {
        Ok(ImageInfo {
            id: image.to_owned(),
            contract: Contract::Own,
            entrypoint: vec![image.to_owned()],
            cmd: Vec::new(),
            env: Vec::new(),
            working_dir: None,
        })
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Started, RuntimeError> {
        validate(spec)?;
        let refused = |error: io::Error| RuntimeError::Refused(format!("{}: {error}", spec.image));
        let mut child = self.spawn(spec).map_err(refused)?;
        let id = SandboxId::new(spec.name.as_str());
        let pid = child
            .id()
            .ok_or_else(|| refused(io::Error::other("it has no process id")))?;
        Record::of(pid, &spec.labels)
            .and_then(|record| record.write(&self.path(&id)))
            .map_err(refused)?;
        let (stdout, stderr) = child.stdout.take().zip(child.stderr.take()).expect("both are piped");
        Ok(Started {
            id,
            stdin: None,
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            exit: Box::pin(async move { exit_of(child.wait().await) }),
        })
    }

    async fn list(&self) -> Result<Vec<Found>, RuntimeError> {
        let entries = std::fs::read_dir(&self.records).map_err(|error| RuntimeError::Refused(error.to_string()))?;
        let found = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let id = SandboxId::new(path.file_name()?.to_str()?.strip_suffix(".json")?);
            Record::read(&path).ok()?.found(id, &self.install)
        });
        Ok(found.collect())
    }

    async fn kill(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.signal(id, Signal::KILL);
        // Removed already is as good.
        let _ = std::fs::remove_file(self.path(id));
        Ok(())
    }

    async fn pause(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.signal(id, Signal::STOP);
        Ok(())
    }

    async fn resume(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        match self.signal(id, Signal::CONT) {
            true => Ok(()),
            false => Err(RuntimeError::Gone(id.clone())),
        }
    }
}

/// A path in the sandbox is the host's path that would be mounted there.
fn on_host(spec: &SandboxSpec, value: &str) -> String {
    let mount = spec.mounts.iter().find(|mount| mount.target == value);
    mount.map_or_else(|| value.to_owned(), |mount| mount.source.display().to_string())
}

fn exit_of(ended: io::Result<ExitStatus>) -> Exit {
    let code = ended.map_or(EXIT_KILLED, |status| {
        let signalled = || SIGNALLED + i64::from(status.signal().unwrap_or(Signal::KILL.as_raw()));
        status.code().map_or_else(signalled, i64::from)
    });
    Exit {
        code,
        oom_killed: false,
    }
}
