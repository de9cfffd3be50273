//! The nemesis: one great fault after another, as long as the storm lasts.

use std::rc::Rc;
use std::time::Duration;

use super::{Fleet, Instance, Role, Seat};
use crate::check::rows;
use crate::exec::Process;
use crate::network::Service;

/// Wall clocks are set by at most this much, in milliseconds.
const WALL_JUMP_MAX_MS: u64 = 90_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Crash,
    Pause,
    Cut,
    Outage,
    WallClock,
    Restart,
    Runtime,
    Log,
}

/// Rages until the storm is over.
pub(crate) async fn rage(fleet: Rc<Fleet>, me: Process) {
    let faults = fleet.world.plan.faults;
    let executor = me.executor().clone();
    while executor.now() < fleet.world.plan.storm {
        let every = u64::try_from(faults.every.as_millis()).unwrap_or(u64::MAX / 4000);
        me.sleep(executor.millis(0, 2 * every)).await;
        let blows = [
            (Blow::Crash, faults.crash),
            (Blow::Pause, faults.pause),
            (Blow::Cut, faults.cut),
            (Blow::Outage, faults.outage),
            (Blow::WallClock, faults.wall_clock),
            (Blow::Restart, faults.restart),
            (Blow::Runtime, faults.runtime),
            (Blow::Log, faults.log),
        ];
        let deck: Vec<Blow> = blows
            .iter()
            .flat_map(|(blow, weight)| vec![*blow; *weight as usize])
            .collect();
        let Some(blow) = executor.draw(|random| random.pick(&deck).copied()) else {
            return;
        };
        let seat = executor.draw(|random| random.below(fleet.seats.len()));
        let seat = Rc::clone(&fleet.seats[seat]);
        fleet
            .world
            .history
            .note(None, format_args!("nemesis: {blow:?} at {}", seat.name));
        fleet.strike(blow, &seat, &me);
    }
}

impl Fleet {
    fn strike(self: &Rc<Self>, blow: Blow, seat: &Rc<Seat>, me: &Process) {
        let world = &self.world;
        match blow {
            Blow::Crash => {
                if let Some(instance) = seat.instance() {
                    self.kill(instance.process());
                }
            }
            Blow::Pause => {
                if let Some(instance) = seat.instance() {
                    instance.process().pause();
                    let process = instance.process().clone();
                    world.executor.after(self.draw_span(), move || process.resume());
                }
            }
            Blow::Cut => {
                let service = self.draw_service(Service::all(world.plan.files));
                world.network.cut(&seat.name, service);
                let (world, seat) = (Rc::clone(world), Rc::clone(seat));
                world
                    .clone()
                    .executor
                    .after(self.draw_span(), move || world.network.heal(&seat.name, service));
            }
            Blow::Outage => {
                let service = self.draw_service(Service::ours(world.plan.files));
                world.network.stop_service(service);
                let world = Rc::clone(world);
                world
                    .clone()
                    .executor
                    .after(self.draw_span(), move || world.network.start_service(service));
            }
            Blow::WallClock => {
                let jump = world.executor.draw(|random| random.millis(0, 2 * WALL_JUMP_MAX_MS));
                let offset = i64::try_from(jump.as_millis()).unwrap_or(0) - WALL_JUMP_MAX_MS as i64;
                seat.set_wall_offset(offset);
            }
            Blow::Restart => self.ask_to_stop(seat),
            Blow::Runtime => {
                if let Role::Runner(host) = &seat.role {
                    host.set_runtime_down(true);
                    let host = Rc::clone(host);
                    world
                        .executor
                        .after(self.draw_span(), move || host.set_runtime_down(false));
                }
            }
            Blow::Log => me.spawn(lose_the_log(Rc::clone(self), me.clone())),
        }
    }

    fn ask_to_stop(&self, seat: &Seat) {
        match seat.running() {
            Some(Instance::Runner(runner)) => runner.me.clone().spawn(runner.drain()),
            Some(Instance::Gateway(gateway)) => gateway.me.clone().spawn(gateway.drain()),
            Some(Instance::Scheduler(scheduler)) => scheduler.me.clone().spawn(scheduler.drain()),
            None => {}
        }
    }

    /// Mostly within what a lease bears, sometimes far beyond.
    fn draw_span(&self) -> Duration {
        self.world.executor.draw(|random| match random.below(3) {
            0 => random.millis(200, 8_000),
            1 => random.millis(8_000, 20_000),
            _ => random.millis(15_000, 45_000),
        })
    }

    fn draw_service(&self, of: &[Service]) -> Service {
        self.world.executor.draw(|random| of[random.below(of.len())])
    }
}

/// The log is deleted and made anew, or restored from a backup. What was not taken in yet would be lost with it: no promise
/// covers that, so it happens when everything was.
///
/// A log that is restored takes nothing until an indexer has seen that it ends below the cursors: only its length tells, and
/// messages that make it longer than it was would hide among those taken in. So whoever restores it must open it in this order.
async fn lose_the_log(fleet: Rc<Fleet>, me: Process) {
    let (world, log) = (&fleet.world, &fleet.world.log);
    world.network.stop_service(Service::Log);
    let is_lost = rows::log_is_taken_in(world);
    if is_lost {
        match me.executor().draw(|random| random.below(2)) {
            0 => log.make_anew(),
            _ => log.restore(log.last() / 2),
        }
        world.history.note(
            None,
            format_args!("nemesis: {} ends at {} now", log.identity(), log.last()),
        );
        log.set_read_only(true);
    }
    me.sleep(Duration::from_secs(1)).await;
    world.network.start_service(Service::Log);
    while is_lost && rows::newest_cursor(world) > log.last() {
        me.sleep(Duration::from_millis(100)).await;
    }
    log.set_read_only(false);
}
