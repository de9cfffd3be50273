//! Watches over one sandbox on behalf of the lease: beats while the runner trusts itself, silences and pauses it when
//! fenced, kills it when the lease is lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proto::lease::Trust;

use super::Runner;
use crate::fences::Fence;
use crate::sandbox::{RuntimeAway, Sandbox};

const BEAT: Duration = Duration::from_secs(2);
/// Wait before the runtime is asked again for what it did not do.
const AGAIN: Duration = Duration::from_millis(500);

/// Watches until `over` is set.
pub(super) async fn watch(runner: Rc<Runner>, sandbox: Rc<Sandbox>, over: Rc<Cell<bool>>) {
    let mut trust = runner.trust.subscribe();
    let mut followed = Trust::Full;
    while !over.get() {
        let now = *trust.borrow_and_update();
        if now != followed && follow(&runner, &sandbox, now).await.is_ok() {
            followed = now;
        }
        if now == Trust::Full {
            sandbox.heart.set(sandbox.heart.get() + 1);
        }
        tokio::select! {
            biased;
            changed = trust.changed() => if changed.is_err() { return },
            () = runner.me.sleep(AGAIN), if now != followed => {}
            () = runner.me.sleep(BEAT), if now == followed => {}
        }
    }
}

async fn follow(runner: &Runner, sandbox: &Sandbox, trust: Trust) -> Result<(), RuntimeAway> {
    let (host, world) = (&runner.host, &runner.world);
    match trust {
        Trust::Full => {
            sandbox.proxy.reopen();
            host.resume(&runner.me, sandbox.number).await
        }
        Trust::Fenced => {
            if world.stands(Fence::ProxyClosesWhenFenced) {
                sandbox.proxy.shut();
            }
            match world.stands(Fence::SandboxPausesWhenFenced) {
                true => host.pause(&runner.me, sandbox.number).await,
                false => Ok(()),
            }
        }
        Trust::Lost => {
            if world.stands(Fence::ProxyClosesWhenFenced) {
                sandbox.proxy.close();
            }
            host.kill(&runner.me, sandbox.number).await
        }
    }
}
