//! Recovery in place, and the watch over the container runtime.

use std::rc::Rc;
use std::time::Duration;

use super::Runner;
use super::outage::Notices;
use crate::fences::Fence;

const INTERVAL_UP: Duration = Duration::from_secs(15);
const INTERVAL_DOWN: Duration = Duration::from_secs(1);

/// Settles this runner's own past, then looks after the runtime.
pub(super) async fn run(runner: Rc<Runner>) {
    let mut past_is_settled = false;
    let mut notices = Notices::default();
    let mut state = runner.runtime_is_up.subscribe();
    loop {
        let looked = look(&runner, &mut past_is_settled).await;
        runner
            .runtime_is_up
            .send_if_modified(|up| std::mem::replace(up, looked) != looked);
        if looked {
            notices.over();
            tokio::select! {
                _ = state.wait_for(|up| !*up) => {}
                () = runner.me.sleep(INTERVAL_UP) => continue,
            }
        }
        if runner.host.is_runtime_down() {
            notices.tell(&runner).await;
        }
        runner.me.sleep(INTERVAL_DOWN).await;
    }
}

async fn look(runner: &Runner, past_is_settled: &mut bool) -> bool {
    if runner.host.probe(&runner.me).await.is_err() {
        return false;
    }
    if !*past_is_settled {
        *past_is_settled = take_over_own_past(runner).await;
    }
    *past_is_settled
}

/// The new incarnation fences every write of the old life; then its sandboxes are killed; only then its groups are freed.
async fn take_over_own_past(runner: &Runner) -> bool {
    let kills_first = runner.world.stands(Fence::KillBeforeFree);
    if kills_first && !kill_everything_old(runner).await {
        return false;
    }
    let freed = runner
        .rows
        .free_stale_groups(&runner.name, runner.incarnation.get(), runner.me.now())
        .await;
    match freed {
        Ok(freed) => {
            runner.note(format_args!("freed {} groups of its past", freed.len()));
            true
        }
        Err(_) => false,
    }
}

async fn kill_everything_old(runner: &Runner) -> bool {
    let Ok(found) = runner.host.list(&runner.me).await else {
        return false;
    };
    for sandbox in found.iter().filter(|sandbox| sandbox.fence.runner == runner.name) {
        if runner.host.kill(&runner.me, sandbox.number).await.is_err() {
            return false;
        }
    }
    true
}
