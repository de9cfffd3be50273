//! Watches over one sandbox on behalf of the lease: beats while the runner trusts itself, silences and pauses it when
//! fenced, kills it when the lease is lost.
//!
//! A task of its own, because a run may be waiting for a store that hangs just when this matters most.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use proto::lease::Trust;
use service::lifecycle::Policy;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::engine::Engine;
use crate::mailbox::Heart;
use crate::proxy::ProxyHandle;
use crate::sandbox::{RuntimeError, SandboxId};

/// Between two heartbeats to the agent, which gives up after 12 s without one.
const BEAT: Duration = Duration::from_secs(2);

/// Wait before the sandbox is told again what it could not be told.
const AGAIN: Duration = Duration::from_millis(500);

/// Starts watching; ends when the returned guard is dropped.
pub(super) fn watch(engine: &Arc<Engine>, id: SandboxId, proxy: Arc<ProxyHandle>, heart: Heart) -> DropGuard {
    let over = CancellationToken::new();
    let watching = Guard {
        engine: Arc::clone(engine),
        id,
        proxy,
        heart,
    };
    let until = over.clone();
    engine
        .lifecycle
        .spawn_support("sandbox guard", Policy::BestEffort, async move {
            until.run_until_cancelled(watching.run()).await;
            Ok(())
        });
    over.drop_guard()
}

struct Guard {
    engine: Arc<Engine>,
    id: SandboxId,
    proxy: Arc<ProxyHandle>,
    heart: Heart,
}

impl Guard {
    async fn run(self) {
        let mut trust = self.engine.trust.subscribe();
        let mut followed = Trust::Full;
        loop {
            let now = *trust.borrow_and_update();
            if now != followed {
                match self.follow(now).await {
                    // Nothing is left that could follow.
                    Ok(()) | Err(RuntimeError::Gone(_)) => followed = now,
                    Err(error) => {
                        tracing::warn!(sandbox.id = %self.id, error = &error as &dyn Error, "the sandbox does not follow the lease")
                    }
                }
            }
            if now == Trust::Full
                && let Err(error) = self.heart.beat()
            {
                tracing::warn!(sandbox.id = %self.id, error = &error as &dyn Error, "the heartbeat file cannot be touched");
            }
            tokio::select! {
                changed = trust.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(AGAIN), if now != followed => {}
                () = tokio::time::sleep(BEAT), if now == Trust::Full => {}
            }
        }
    }

    async fn follow(&self, trust: Trust) -> Result<(), RuntimeError> {
        match trust {
            Trust::Full => {
                self.proxy.reopen();
                self.engine.runtime.resume(&self.id).await
            }
            Trust::Fenced => {
                self.proxy.shut();
                self.engine.runtime.pause(&self.id).await
            }
            Trust::Lost => {
                self.proxy.close();
                self.engine.runtime.kill(&self.id).await
            }
        }
    }
}
