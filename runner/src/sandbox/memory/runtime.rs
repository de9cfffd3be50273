//! [`SandboxRuntime`] on the memory engine.

use std::pin::Pin;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{self, BoxFuture, Either};
use tokio::io::{AsyncWrite, DuplexStream, duplex, empty};
use tokio::sync::{oneshot, watch};

use super::engine::{Inner, Sandbox, id_of};
use super::{Fault, MemoryEngine, Pipes};
use crate::sandbox::{
    EXIT_KILLED, Exit, Found, ImageInfo, RuntimeError, RuntimeInfo, SandboxId, SandboxRuntime, SandboxSpec,
    SandboxState, Started, validate,
};

/// Bytes a pipe holds: what Linux gives one.
const PIPE_BYTES: usize = 64 * 1024;

/// The memory engine, seen by one install.
pub struct MemoryRuntime {
    engine: MemoryEngine,
    install: String,
}

impl MemoryRuntime {
    /// For the sandboxes of `install` on `engine`.
    pub fn new(engine: MemoryEngine, install: impl Into<String>) -> Self {
        Self {
            engine,
            install: install.into(),
        }
    }

    fn reach(&self) -> Result<std::sync::MutexGuard<'_, Inner>, RuntimeError> {
        let inner = self.engine.inner();
        match inner.fault {
            Some(Fault::Unreachable) => Err(RuntimeError::Unreachable {
                engine: "memory".to_owned(),
                reason: "fault injected".to_owned(),
            }),
            Some(Fault::StartFails(_) | Fault::StartAnswerLost) | None => Ok(inner),
        }
    }

    /// Sets the state of a sandbox of ours that has not ended; says whether there is one.
    fn set_state(&self, id: &SandboxId, to: SandboxState) -> Result<bool, RuntimeError> {
        let inner = self.reach()?;
        let Some(sandbox) = inner.key(id).and_then(|key| inner.sandboxes.get(&key)) else {
            return Ok(false);
        };
        if sandbox.spec.labels.install != self.install {
            return Err(RuntimeError::Refused(format!(
                "sandbox {id} does not belong to install {:?}",
                self.install
            )));
        }
        if *sandbox.state.borrow() == SandboxState::Exited {
            return Ok(false);
        }
        sandbox.state.send_replace(to);
        Ok(true)
    }
}

#[async_trait]
impl SandboxRuntime for MemoryRuntime {
    async fn probe(&self) -> Result<RuntimeInfo, RuntimeError> {
        self.reach().map(|_| RuntimeInfo {
            engine: "memory",
            version: "1".to_owned(),
        })
    }

    async fn image(&self, image: &str) -> Result<ImageInfo, RuntimeError> {
        let inner = self.reach()?;
        let found = inner.images.get(image).map(|(info, _)| info.clone());
        found.ok_or_else(|| RuntimeError::NoSuchImage {
            image: image.to_owned(),
        })
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Started, RuntimeError> {
        if spec.labels.install != self.install {
            return Err(RuntimeError::Refused(format!(
                "sandbox of install {:?}",
                spec.labels.install
            )));
        }
        validate(spec)?;
        let mut inner = self.reach()?;
        if let Some(Fault::StartFails(reason)) = &inner.fault {
            return Err(RuntimeError::Failed {
                action: "start a sandbox",
                reason: reason.clone(),
            });
        }
        let Some((_, program)) = inner.images.get(&spec.image) else {
            return Err(RuntimeError::NoSuchImage {
                image: spec.image.clone(),
            });
        };
        let program = program.clone();
        // As on Docker: the name carries the epoch, so what has it is an earlier try of this very start.
        inner.sandboxes.retain(|_, sandbox| {
            let taken = sandbox.spec.name == spec.name;
            if taken {
                sandbox.state.send_replace(SandboxState::Exited);
            }
            !taken
        });

        inner.started += 1;
        let key = inner.started;
        let (near, far) = streams(spec.interactive);
        let (state, watched) = watch::channel(SandboxState::Running);
        let (ended, exit) = oneshot::channel();
        inner.sandboxes.insert(
            key,
            Sandbox {
                spec: spec.clone(),
                state: state.clone(),
            },
        );
        while inner.programs.try_join_next().is_some() {}
        let run = gated(program(spec.clone(), far), watched);
        inner.programs.spawn(async move {
            let exit = run.await;
            state.send_replace(SandboxState::Exited);
            // Nobody may be waiting any more: the runner that started it is gone.
            let _ = ended.send(exit);
        });
        if inner.fault == Some(Fault::StartAnswerLost) {
            return Err(RuntimeError::Failed {
                action: "start a sandbox",
                reason: "answer lost".to_owned(),
            });
        }
        let exit = exit
            .map(|exit| {
                exit.unwrap_or(Exit {
                    code: EXIT_KILLED,
                    oom_killed: false,
                })
            })
            .boxed();
        Ok(Started {
            id: id_of(key),
            stdin: near.stdin,
            stdout: Box::pin(near.stdout),
            stderr: Box::pin(near.stderr),
            exit,
        })
    }

    async fn list(&self) -> Result<Vec<Found>, RuntimeError> {
        let inner = self.reach()?;
        let ours = inner
            .sandboxes
            .iter()
            .filter(|(_, sandbox)| sandbox.spec.labels.install == self.install);
        let found = |(key, sandbox): (&u64, &Sandbox)| Found {
            id: id_of(*key),
            labels: sandbox.spec.labels.clone(),
            state: *sandbox.state.borrow(),
        };
        Ok(ours.map(found).collect())
    }

    async fn kill(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.set_state(id, SandboxState::Exited)?;
        let mut inner = self.reach()?;
        if let Some(key) = inner.key(id) {
            inner.sandboxes.remove(&key);
        }
        Ok(())
    }

    async fn pause(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.set_state(id, SandboxState::Paused).map(drop)
    }

    async fn resume(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        if self.set_state(id, SandboxState::Running)? {
            Ok(())
        } else {
            Err(RuntimeError::Gone(id.clone()))
        }
    }
}

/// Runs a program while its sandbox runs: not polled while paused, dropped when killed.
async fn gated(mut program: BoxFuture<'static, Exit>, mut state: watch::Receiver<SandboxState>) -> Exit {
    const KILLED: Exit = Exit {
        code: EXIT_KILLED,
        oom_killed: false,
    };
    loop {
        let now = *state.borrow_and_update();
        match now {
            SandboxState::Exited => return KILLED,
            SandboxState::Paused | SandboxState::Created => {
                if state.changed().await.is_err() {
                    return KILLED;
                }
            }
            SandboxState::Running => {
                let changed = std::pin::pin!(state.changed());
                // The change first: a kill wins over a program that ends in the same instant.
                match future::select(changed, &mut program).await {
                    Either::Left(_) => {}
                    Either::Right((exit, _)) => return exit,
                }
            }
        }
    }
}

/// The runner's ends.
struct Near {
    stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    stdout: DuplexStream,
    stderr: DuplexStream,
}

fn streams(interactive: bool) -> (Near, Pipes) {
    let (stdout, far_stdout) = duplex(PIPE_BYTES);
    let (stderr, far_stderr) = duplex(PIPE_BYTES);
    let mut near = Near {
        stdin: None,
        stdout,
        stderr,
    };
    let mut far = Pipes {
        stdin: Box::pin(empty()),
        stdout: Box::pin(far_stdout),
        stderr: Box::pin(far_stderr),
    };
    if interactive {
        let (stdin, far_stdin) = duplex(PIPE_BYTES);
        near.stdin = Some(Box::pin(stdin));
        far.stdin = Box::pin(far_stdin);
    }
    (near, far)
}
