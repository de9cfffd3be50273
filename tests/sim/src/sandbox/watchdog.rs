//! Signs of life, both ways: the agent's own, and its watch over those of its runner.

use std::rc::Rc;
use std::time::Duration;

use super::{EXIT_HOST_SILENT, Host, Sandbox};
use crate::exec::Life;
use crate::history::Event;
use crate::world::World;

/// Between two signs of life of an agent.
const BEAT: Duration = Duration::from_secs(2);
/// After this long without a heartbeat of its runner a sandbox ends.
const HOST_SILENCE_MAX: Duration = Duration::from_secs(12);
/// Between two looks at the runner's heartbeat.
const LOOK: Duration = Duration::from_secs(1);
/// A sandbox that runs for this long after its runner was last there is an orphan nobody ends: the watchdog's span by the
/// slowest clock, and two looks.
const ORPHAN_AFTER: Duration = Duration::from_secs(20);

pub(super) async fn beat(sandbox: Rc<Sandbox>) {
    loop {
        if !sandbox.hung.get() {
            sandbox.sign_of_life.set(true);
        }
        sandbox.process.sleep(BEAT).await;
    }
}

pub(super) async fn watch_runner(sandbox: Rc<Sandbox>) {
    let (mut seen, mut since) = (sandbox.heart.get(), sandbox.process.monotonic());
    loop {
        sandbox.process.sleep(LOOK).await;
        let (heart, now) = (sandbox.heart.get(), sandbox.process.monotonic());
        if heart != seen {
            (seen, since) = (heart, now);
        } else if now.since(since) >= HOST_SILENCE_MAX {
            sandbox.exit(EXIT_HOST_SILENT);
            return;
        }
    }
}

/// Somebody outside looks every second, until the sandbox has ended.
pub(super) fn look_out_for_orphans(world: &Rc<World>, sandbox: &Rc<Sandbox>) {
    look_again(Rc::clone(world), Rc::clone(sandbox), world.executor.now());
}

fn look_again(world: Rc<World>, sandbox: Rc<Sandbox>, last_seen: Duration) {
    let executor = world.executor.clone();
    executor.clone().after(Duration::from_secs(1), move || {
        if sandbox.process.is_dead() {
            return;
        }
        let attended = sandbox.proxy.runner().life() == Life::Running || sandbox.process.life() == Life::Paused;
        let last_seen = if attended { executor.now() } else { last_seen };
        if executor.now() - last_seen > ORPHAN_AFTER {
            world.history.record(Event::Orphan {
                group: sandbox.fence.group.clone(),
                sandbox: sandbox.number,
            });
            return;
        }
        look_again(world, sandbox, last_seen);
    });
}

/// A sandbox may run for this long after its runner found out that it is fenced: it looks at its clock every half second, and
/// the runtime takes a moment.
const PAUSED_WITHIN: Duration = Duration::from_millis(1_500);
/// Between two looks from outside.
const GLANCE: Duration = Duration::from_millis(250);

/// Somebody outside sees to it that a sandbox stands still while its runner is fenced, was up all the time, and could reach
/// its container runtime.
pub(super) fn look_out_for_the_fenced(world: &Rc<World>, host: &Rc<Host>, sandbox: &Rc<Sandbox>) {
    glance_again(Rc::clone(world), Rc::clone(host), Rc::clone(sandbox), None);
}

fn glance_again(world: Rc<World>, host: Rc<Host>, sandbox: Rc<Sandbox>, since: Option<Duration>) {
    let executor = world.executor.clone();
    executor.clone().after(GLANCE, move || {
        if sandbox.process.is_dead() {
            return;
        }
        let runner = sandbox.proxy.runner();
        let could_pause = runner.life() == Life::Running && !host.is_runtime_down() && sandbox.proxy.is_fenced(&world);
        let runs = sandbox.at_work.get() && sandbox.process.life() == Life::Running;
        let since = (could_pause && runs).then(|| since.unwrap_or(executor.now()));
        if since.is_some_and(|since| executor.now() - since > PAUSED_WITHIN) {
            world.history.record(Event::RanFenced {
                group: sandbox.fence.group.clone(),
                sandbox: sandbox.number,
            });
            return;
        }
        glance_again(world, host, sandbox, since);
    });
}
