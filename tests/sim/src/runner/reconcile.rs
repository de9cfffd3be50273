//! Gives back what this runner owns and does not serve.

use proto::claim::Fence as GroupFence;

use super::Runner;

/// One pass.
pub(super) async fn tick(runner: &Runner) {
    if !*runner.runtime_is_up.borrow() || !runner.trusted() {
        return;
    }
    let Ok(owned) = runner.rows.owned_groups(&runner.name, runner.incarnation.get()).await else {
        return;
    };
    for fence in owned.iter().filter(|fence| !runner.slots.serves(fence)) {
        give_back(runner, fence).await;
    }
}

async fn give_back(runner: &Runner, fence: &GroupFence) {
    let Ok(found) = runner.host.list(&runner.me).await else {
        return;
    };
    for sandbox in found {
        let of_group = sandbox.fence.runner == fence.runner && sandbox.fence.group == fence.group;
        if of_group && runner.host.kill(&runner.me, sandbox.number).await.is_err() {
            return;
        }
    }
    let released = runner.rows.release_group(fence, true, runner.me.now()).await;
    runner.world.history.note(
        Some(&fence.group),
        format_args!("{}: gives epoch {} back: {released:?}", runner.me.seat(), fence.epoch),
    );
}
