//! The claim loop: fills free slots with the groups that waited longest, makes room when there is none, and gives back
//! what nobody serves.
//!
//! It waits for the store only: a container runtime that hangs must not keep it from the groups that are served.

use std::sync::Arc;
use std::time::Duration;

use bus::{Hint, Interest, Listener, Room};
use futures::FutureExt as _;
use proto::claim::{ClaimRequest, STICKY_DELAY, choose_eviction, decide_room};
use proto::time::Timestamp;
use service::crash_point;
use service::lifecycle::Policy;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use super::reconcile::Reconcile;
use super::slots::Command;
use super::{Engine, RuntimeState, stops};
use crate::run;

/// Longest time a missed hint stays unnoticed.
const SWEEP: Duration = Duration::from_secs(1);

/// Why the loop takes another pass.
enum Wake {
    /// Something may be claimable or evictable.
    Look,
    /// So is a group that this runner was asked for first.
    Asked,
    /// A turn is to end.
    Stops,
    /// The sweep: nothing that was missed stays missed.
    Sweep,
    /// The runner drains.
    Stop,
}

/// Hears of groups that anybody may take.
struct Ready {
    room: Room,
    listener: Box<dyn Listener>,
}

/// Runs passes until the runner drains.
pub(crate) async fn run(engine: Arc<Engine>) -> anyhow::Result<()> {
    let mut hints = engine.hints.listen(Interest::Runner(engine.settings.runner.clone()));
    let (mut ready, mut asked, reconcile) = (None, false, Reconcile::default());
    let mut runtime = engine.runtime_state.subscribe();
    let mut sweep = tokio::time::interval(SWEEP.mul_f64(0.8 + 0.4 * (engine.random)()));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let claimed = match tick(&engine).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "claiming failed; trying again"
                );
                // The next hint may come at once; a store in trouble is not asked again before the sweep.
                sweep.tick().await;
                0
            }
        };
        let takes_none = room(&engine) != Some(Room::Free) && !engine.slots.makes_room();
        if std::mem::take(&mut asked) && claimed == 0 && takes_none {
            pass_on(&engine);
        }
        listen_for_work(&engine, &mut ready);
        match wake(&engine, &mut *hints, &mut ready, &mut runtime, &mut sweep).await {
            Wake::Look => {}
            Wake::Asked => asked = true,
            Wake::Stops => stops::tick(&engine).await,
            Wake::Sweep => {
                engine.slots.tell_all(Command::Look);
                stops::tick(&engine).await;
                reconcile.tick(&engine).await;
            }
            Wake::Stop => {
                pass_on_while_draining(&engine, hints);
                return Ok(());
            }
        }
    }
}

/// One pass: claims what fits; if groups are left waiting, evicts the sandbox that has been idle longest. Returns how many groups
/// were claimed.
pub(crate) async fn tick(engine: &Arc<Engine>) -> store::Result<usize> {
    if !may_serve(engine) || engine.lifecycle.soft_stop().is_cancelled() {
        return Ok(0);
    }
    let now = engine.clock.now();
    let claimed = claim(engine, now).await?;
    let others_wait = is_full(engine) && others_wait(engine, now).await?;
    engine.slots.tell_all(Command::OthersWait(others_wait));
    if others_wait && let Some(group) = choose_eviction(engine.slots.evictable()) {
        engine.metrics.evictions.inc();
        engine.slots.tell(&group, Command::Evict);
    }
    Ok(claimed)
}

/// Whether a group waits for a slot of this runner.
async fn others_wait(engine: &Engine, now: Timestamp) -> store::Result<bool> {
    let Some(waiting) = engine.store.oldest_waiting(now).await? else {
        return Ok(false);
    };
    let runners = engine.store.runners().await?;
    let mut others = runners.iter().filter(|row| row.runner != engine.settings.runner);
    if others.any(|row| !row.dead && row.free_slots > 0) {
        return Ok(decide_room(&waiting, true, now));
    }
    // Once more: a group that took the last free slot meanwhile does not wait any more.
    let waiting = engine.store.oldest_waiting(now).await?;
    Ok(waiting.is_some_and(|waiting| decide_room(&waiting, false, now)))
}

async fn claim(engine: &Arc<Engine>, now: Timestamp) -> store::Result<usize> {
    let free = slots_of(engine).saturating_sub(engine.slots.used());
    if free == 0 {
        return Ok(0);
    }
    let request = ClaimRequest {
        runner: engine.settings.runner.clone(),
        incarnation: engine.settings.incarnation,
        free_slots: u32::try_from(free).unwrap_or(u32::MAX),
        now,
    };
    let all = engine.store.claim_groups(&request).await?;
    let count = all.len();
    for claimed in all {
        crash_point!("claim.after");
        engine.metrics.claims.inc();
        let orders = engine.slots.take(&claimed.fence);
        run::spawn(Arc::clone(engine), claimed, orders);
    }
    Ok(count)
}

/// Hears of groups that anybody may take while there is room for one. A runner without room must not: where one runner of
/// several hears each hint, it would keep it from one with room.
fn listen_for_work(engine: &Engine, ready: &mut Option<Ready>) {
    let room = room(engine);
    if ready.as_ref().map(|ready| ready.room) != room {
        *ready = room.map(|room| Ready {
            room,
            listener: engine.hints.listen(Interest::Ready(room)),
        });
    }
}

/// Where another group would be served here; none: it would not.
fn room(engine: &Engine) -> Option<Room> {
    if !may_serve(engine) {
        None
    } else if !is_full(engine) {
        Some(Room::Free)
    } else if engine.slots.evictable().is_empty() {
        None
    } else {
        Some(Room::Idle)
    }
}

/// Whether sandboxes can be started, and this runner may act.
fn may_serve(engine: &Engine) -> bool {
    matches!(*engine.runtime_state.borrow(), RuntimeState::Up { .. }) && engine.trusted()
}

fn is_full(engine: &Engine) -> bool {
    engine.slots.used() >= slots_of(engine)
}

/// Passes on to whoever has room what this runner was asked first, or cannot serve, once others may claim it too.
pub(crate) fn pass_on(engine: &Engine) {
    let hints = Arc::clone(&engine.hints);
    engine
        .lifecycle
        .spawn("pass on a ready group", Policy::BestEffort, async move {
            tokio::time::sleep(STICKY_DELAY).await;
            hints.publish(Hint::Ready { runner: None });
            Ok(())
        });
}

/// Passes on all that this runner is asked first until it has ended its last turn: it claims no more.
fn pass_on_while_draining(engine: &Engine, mut hints: Box<dyn Listener>) {
    let (stop, to_others) = (engine.lifecycle.hard_stop(), Arc::clone(&engine.hints));
    let passing = async move {
        loop {
            if let Some(Hint::Ready { .. }) | None = hints.next().await {
                tokio::time::sleep(STICKY_DELAY).await;
                // One hint is for all that was asked meanwhile.
                while hints.next().now_or_never().is_some() {}
                to_others.publish(Hint::Ready { runner: None });
            }
        }
    };
    engine
        .lifecycle
        .spawn_support("pass on ready groups", Policy::BestEffort, async move {
            stop.run_until_cancelled(passing).await;
            Ok(())
        });
}

/// Waits for a reason to look; what concerns runs only is passed on to them.
async fn wake(
    engine: &Engine,
    hints: &mut dyn Listener,
    ready: &mut Option<Ready>,
    runtime: &mut watch::Receiver<RuntimeState>,
    sweep: &mut Interval,
) -> Wake {
    let stop = engine.lifecycle.soft_stop();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Wake::Stop,
            _ = sweep.tick() => return Wake::Sweep,
            _ = runtime.changed() => return Wake::Look,
            () = engine.slots.freed() => return Wake::Look,
            hint = hints.next() => match hint {
                Some(Hint::Inbox {
                    group, engages: true, ..
                }) => engine.slots.tell(&group, Command::Called),
                // Chatter calls nobody: it goes along with what does.
                Some(Hint::Inbox { engages: false, .. }) => {}
                Some(Hint::Stop { .. }) => return Wake::Stops,
                Some(_) => return Wake::Asked,
                // Some were missed: everybody looks.
                None => return Wake::Sweep,
            },
            _ = heard(ready) => return Wake::Look,
        }
    }
}

async fn heard(ready: &mut Option<Ready>) {
    match ready {
        Some(ready) => {
            ready.listener.next().await;
        }
        None => std::future::pending().await,
    }
}

fn slots_of(engine: &Engine) -> usize {
    engine.settings.config.slots as usize
}
