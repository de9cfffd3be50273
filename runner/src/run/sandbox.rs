//! A running sandbox as its run holds it: container, link, proxy and directories, which end together.

use futures::future::BoxFuture;

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
    pub(super) proxy: ProxyHandle,
    pub(super) run_dir: RunDir,
}

impl Sandbox {
    /// Tells the agent that we live; returns whether it gave a sign of life since the last call.
    pub(super) fn beat(&mut self) -> bool {
        if let Err(error) = self.run_dir.beat() {
            tracing::warn!(sandbox.id = %self.id, error = &error as &dyn std::error::Error, "the heartbeat file cannot be touched");
        }
        self.link.last_sign_of_life()
    }

    /// Fenced: nothing leaves any more, nothing runs.
    pub(super) async fn pause(&mut self, engine: &Engine) {
        self.proxy.shut();
        if let Err(error) = engine.runtime.pause(&self.id).await {
            tracing::warn!(sandbox.id = %self.id, error = &error as &dyn std::error::Error, "the sandbox could not be paused");
        }
    }

    /// Trusted again.
    pub(super) async fn resume(&mut self, engine: &Engine) {
        self.proxy.reopen();
        if let Err(error) = engine.runtime.resume(&self.id).await {
            tracing::warn!(sandbox.id = %self.id, error = &error as &dyn std::error::Error, "the sandbox could not be resumed");
        }
    }

    async fn kill(&mut self, engine: &Engine) {
        self.proxy.close();
        if let Err(error) = engine.runtime.kill(&self.id).await {
            // The fence keeps what it does from being heard; the next start of this runner removes it.
            tracing::warn!(sandbox.id = %self.id, error = &error as &dyn std::error::Error, "the sandbox could not be killed");
        }
    }

    /// Ends it and leaves nothing behind.
    pub(super) async fn discard(mut self, engine: &Engine) {
        self.kill(engine).await;
        remove(self.run_dir).await;
    }
}

impl GroupRun {
    /// Kills the sandbox, if there is one; its end is still to be heard.
    pub(super) async fn kill_sandbox(&mut self) {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.kill(&self.engine).await;
        }
    }

    /// Ends the sandbox, if there is one, and leaves nothing behind.
    pub(super) async fn discard_sandbox(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.discard(&self.engine).await;
        }
    }
}
