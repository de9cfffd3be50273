//! The claim loop: fills free slots with the groups that waited longest, and makes room when there is none.

use std::rc::Rc;
use std::time::Duration;

use bus::{Hint, Interest, Room};
use proto::claim::{ClaimRequest, STICKY_DELAY, choose_eviction, decide_room};
use proto::time::Timestamp;

use super::slots::Command;
use super::{Runner, SLOTS, Stop, reconcile, run};
use crate::network::Listener;

const SWEEP: Duration = Duration::from_secs(1);

enum Wake {
    Look,
    Asked,
    Sweep,
    Stop,
}

/// Runs passes until the runner drains.
pub(super) async fn run(runner: Rc<Runner>) {
    let hints = runner
        .world
        .bus
        .listen(&runner.me, Interest::Runner(runner.name.clone()));
    let (mut ready, mut asked) = (None, false);
    loop {
        let claimed = tick(&runner).await;
        if claimed.is_err() {
            runner.me.sleep(runner.world.about(SWEEP)).await;
        }
        let takes_none = room(&runner) != Some(Room::Free) && !runner.slots.makes_room();
        if std::mem::take(&mut asked) && claimed.unwrap_or_default() == 0 && takes_none {
            pass_on(&runner);
        }
        listen_for_work(&runner, &mut ready);
        match wake(&runner, &hints, ready.as_ref()).await {
            Wake::Look => {}
            Wake::Asked => asked = true,
            Wake::Sweep => {
                runner.slots.tell_all(Command::Look);
                reconcile::tick(&runner).await;
            }
            Wake::Stop => return,
        }
    }
}

async fn tick(runner: &Rc<Runner>) -> store::Result<usize> {
    if !may_serve(runner) || runner.stopping() {
        return Ok(0);
    }
    let now = runner.me.now();
    let claimed = claim(runner, now).await?;
    let others_wait = is_full(runner) && others_wait(runner, now).await?;
    runner.slots.tell_all(Command::OthersWait(others_wait));
    if others_wait && let Some(group) = choose_eviction(runner.slots.evictable()) {
        runner.slots.tell(&group, Command::Evict);
    }
    Ok(claimed)
}

/// Whether a group waits for a slot of this runner.
async fn others_wait(runner: &Runner, now: Timestamp) -> store::Result<bool> {
    let Some(waiting) = runner.rows.oldest_waiting(now).await? else {
        return Ok(false);
    };
    let runners = runner.rows.runners().await?;
    let mut others = runners.iter().filter(|row| row.runner != runner.name);
    if others.any(|row| !row.dead && row.free_slots > 0) {
        return Ok(decide_room(&waiting, true, now));
    }
    let waiting = runner.rows.oldest_waiting(now).await?;
    Ok(waiting.is_some_and(|waiting| decide_room(&waiting, false, now)))
}

async fn claim(runner: &Rc<Runner>, now: Timestamp) -> store::Result<usize> {
    let free = (SLOTS as usize).saturating_sub(runner.slots.used());
    if free == 0 {
        return Ok(0);
    }
    let request = ClaimRequest {
        runner: runner.name.clone(),
        incarnation: runner.incarnation.get(),
        free_slots: u32::try_from(free).unwrap_or(u32::MAX),
        now,
    };
    let all = runner.rows.claim_groups(&request).await?;
    let count = all.len();
    for claimed in all {
        run::spawn(runner, claimed);
    }
    Ok(count)
}

/// Hears of groups that anybody may take while there is room for one.
fn listen_for_work(runner: &Runner, ready: &mut Option<(Room, Listener)>) {
    let room = room(runner);
    if ready.as_ref().map(|(room, _)| *room) != room {
        if let Some((_, listener)) = ready.take() {
            runner.world.bus.forget(&listener);
        }
        *ready = room.map(|room| (room, runner.world.bus.listen(&runner.me, Interest::Ready(room))));
    }
}

fn room(runner: &Runner) -> Option<Room> {
    if !may_serve(runner) {
        None
    } else if !is_full(runner) {
        Some(Room::Free)
    } else if runner.slots.evictable().is_empty() {
        None
    } else {
        Some(Room::Idle)
    }
}

fn may_serve(runner: &Runner) -> bool {
    *runner.runtime_is_up.borrow() && runner.trusted()
}

fn is_full(runner: &Runner) -> bool {
    runner.slots.used() >= SLOTS as usize
}

async fn wake(runner: &Rc<Runner>, hints: &Listener, ready: Option<&(Room, Listener)>) -> Wake {
    let mut stop = runner.stop.subscribe();
    let mut runtime = runner.runtime_is_up.subscribe();
    let sweep = runner.me.sleep(runner.world.about(SWEEP));
    tokio::pin!(sweep);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != Stop::No) => return Wake::Stop,
            () = &mut sweep => return Wake::Sweep,
            _ = runtime.changed() => return Wake::Look,
            () = runner.slots.freed.notified() => return Wake::Look,
            hint = hints.next() => match hint {
                Hint::Inbox {
                    group, engages: true, ..
                } => runner.slots.tell(&group, Command::Called),
                Hint::Inbox { engages: false, .. } => {}
                _ => return Wake::Asked,
            },
            () = heard(ready) => return Wake::Look,
        }
    }
}

async fn heard(ready: Option<&(Room, Listener)>) {
    match ready {
        Some((_, listener)) => drop(listener.next().await),
        None => std::future::pending().await,
    }
}

/// Passes on to whoever has room what this runner was asked first, once others may claim it too.
fn pass_on(runner: &Rc<Runner>) {
    let passing = Rc::clone(runner);
    runner.me.spawn(async move {
        passing.me.sleep(STICKY_DELAY).await;
        passing.publish(Hint::Ready { runner: None });
    });
}
