//! A running sandbox as its run holds it: container, link, proxy and directories, which end together.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use service::lifecycle::Policy;
use tokio_util::sync::DropGuard;

use super::GroupRun;
use super::launch::remove;
use crate::agent::AgentLink;
use crate::engine::Engine;
use crate::mailbox::RunDir;
use crate::proxy::ProxyHandle;
use crate::sandbox::{Exit, SandboxId};

/// Wait before a sandbox that could not be killed is killed again.
pub(super) const KILL_AGAIN: Duration = Duration::from_millis(500);

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

/// Goes on killing what a run leaves behind whose lease is over: its fence keeps it from the store, and the group's files are still
/// in its reach.
fn kill_later(engine: &Arc<Engine>, left: Vec<SandboxId>) {
    let (lifecycle, engine) = (engine.lifecycle.clone(), Arc::clone(engine));
    let stop = lifecycle.hard_stop();
    let killing = async move {
        for id in left {
            while engine.runtime.kill(&id).await.is_err() {
                tokio::time::sleep(KILL_AGAIN).await;
            }
        }
    };
    lifecycle.spawn_support("kill sandboxes left behind", Policy::BestEffort, async move {
        // The next life of this runner kills what is left then.
        stop.run_until_cancelled(killing).await;
        Ok(())
    });
}

impl GroupRun {
    /// Kills the sandbox, if there is one; its end is still to be heard. Returns whether none of ours is left that could act.
    pub(super) async fn kill_sandbox(&mut self) -> bool {
        if let Some(stray) = &self.stray {
            if let Err(error) = self.engine.runtime.kill(stray).await {
                tracing::warn!(sandbox.id = %stray, error = &error as &dyn std::error::Error, "the sandbox could not be killed");
                return false;
            }
            self.stray = None;
        }
        match &mut self.sandbox {
            Some(sandbox) => sandbox.kill(&self.engine).await,
            None => true,
        }
    }

    /// Ends the sandbox, if there is one, and leaves nothing behind.
    pub(super) async fn discard_sandbox(&mut self) {
        if !self.kill_sandbox().await {
            let left = self.sandbox.as_ref().map(|sandbox| sandbox.id.clone());
            kill_later(&self.engine, self.stray.take().into_iter().chain(left).collect());
        }
        if let Some(sandbox) = self.sandbox.take() {
            remove(sandbox.run_dir).await;
        }
    }
}
