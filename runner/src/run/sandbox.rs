//! A running sandbox as its run holds it: container, link, proxy and directories, which end together.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::DropGuard;

use super::GroupRun;
use super::launch::remove;
use crate::agent::AgentLink;
use crate::engine::Engine;
use crate::mailbox::RunDir;
use crate::proxy::ProxyHandle;
use crate::sandbox::{Exit, SandboxId};

/// A sandbox that runs, with everything that must be closed when it ends.
pub(super) struct Sandbox {
    pub(super) id: SandboxId,
    pub(super) link: Box<dyn AgentLink>,
    pub(super) exit: BoxFuture<'static, Exit>,
    /// How it ended, once it has.
    pub(super) exited: Option<Exit>,
    pub(super) proxy: Arc<ProxyHandle>,
    pub(super) run_dir: RunDir,
    /// What became of the order to kill it, once that was given.
    pub(super) killed: Option<bool>,
    pub(super) _guard: DropGuard,
}

impl Sandbox {
    /// Kills it, once; returns whether it is surely dead.
    async fn kill(&mut self, engine: &Engine) -> bool {
        self.proxy.close();
        if self.killed != Some(true) {
            let killed = engine.runtime.kill(&self.id).await;
            if let Err(error) = &killed {
                tracing::warn!(sandbox.id = %self.id, error = error as &dyn std::error::Error, "the sandbox could not be killed");
            }
            self.killed = Some(killed.is_ok());
        }
        self.killed == Some(true)
    }
}

impl GroupRun {
    /// Kills the sandbox, if there is one; its end is still to be heard. Returns whether none of ours is left that could act.
    pub(super) async fn kill_sandbox(&mut self) -> bool {
        match &mut self.sandbox {
            Some(sandbox) => sandbox.kill(&self.engine).await,
            None => true,
        }
    }

    /// Ends the sandbox, if there is one, and leaves nothing behind.
    pub(super) async fn discard_sandbox(&mut self) {
        if let Some(mut sandbox) = self.sandbox.take() {
            sandbox.kill(&self.engine).await;
            remove(sandbox.run_dir).await;
        }
    }
}
