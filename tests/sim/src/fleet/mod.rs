//! The fleet: which process runs at which seat, and what keeps it running.

mod nemesis;
mod supervisor;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::exec::{HostClock, Life, Process};
use crate::gateway::Gateway;
use crate::history::Event;
use crate::runner::Runner;
use crate::sandbox::Host;
use crate::scheduler::Scheduler;
use crate::world::World;

pub(crate) use nemesis::rage;
pub(crate) use supervisor::supervise;

/// All processes.
pub(crate) struct Fleet {
    pub(crate) world: Rc<World>,
    pub(crate) seats: Vec<Rc<Seat>>,
}

/// A place where one process runs at a time.
pub(crate) struct Seat {
    pub(crate) name: String,
    pub(crate) role: Role,
    clock: Cell<HostClock>,
    life: RefCell<Option<Instance>>,
}

/// What runs there.
pub(crate) enum Role {
    Runner(Rc<Host>),
    Gateway,
    /// The last of them acts as if it led, whoever leads.
    Scheduler {
        usurper: bool,
    },
}

/// One life of what runs at a seat.
#[derive(Clone)]
pub(crate) enum Instance {
    Runner(Rc<Runner>),
    Gateway(Rc<Gateway>),
    Scheduler(Rc<Scheduler>),
}

impl Instance {
    pub(crate) fn process(&self) -> &Process {
        match self {
            Self::Runner(runner) => &runner.me,
            Self::Gateway(gateway) => &gateway.me,
            Self::Scheduler(scheduler) => &scheduler.me,
        }
    }
}

impl Fleet {
    /// Everybody starts.
    pub(crate) fn start(world: &Rc<World>) -> Rc<Self> {
        let seat = |name: String, role: Role, clock: HostClock| {
            Rc::new(Seat {
                name,
                role,
                clock: Cell::new(clock),
                life: RefCell::default(),
            })
        };
        let mut seats = Vec::new();
        for number in 0..world.plan.runners {
            let (name, clock) = (format!("runner-{number}"), world.draw_clock());
            let host = Host::new(name.clone(), clock);
            seats.push(seat(name, Role::Runner(host), clock));
        }
        let (gateways, schedulers) = (world.plan.gateways, world.plan.schedulers);
        for number in 0..gateways.max(schedulers) {
            if number < gateways {
                seats.push(seat(format!("gateway-{number}"), Role::Gateway, world.draw_clock()));
            }
            if number < schedulers {
                let usurper = number > 0 && number + 1 == schedulers;
                seats.push(seat(
                    format!("scheduler-{number}"),
                    Role::Scheduler { usurper },
                    world.draw_clock(),
                ));
            }
        }
        let fleet = Rc::new(Self {
            world: Rc::clone(world),
            seats,
        });
        fleet.seats.iter().for_each(|seat| fleet.begin_life(seat));
        fleet
    }

    pub(crate) fn begin_life(&self, seat: &Seat) {
        let (world, me) = (
            &self.world,
            self.world.executor.start_process(&seat.name, seat.clock.get()),
        );
        let instance = match &seat.role {
            Role::Runner(host) => Instance::Runner(Runner::start(world, host, &me)),
            Role::Gateway => Instance::Gateway(Gateway::start(world, &me)),
            Role::Scheduler { usurper } => Instance::Scheduler(Scheduler::start(world, &me, *usurper)),
        };
        *seat.life.borrow_mut() = Some(instance);
    }

    /// Ends a process as `SIGKILL` does.
    pub(crate) fn kill(&self, process: &Process) {
        if !process.is_dead() {
            process.kill();
            self.world
                .history
                .note(None, format_args!("nemesis: {} is killed", process.seat()));
            self.world.history.record(Event::Died {
                seat: process.seat().to_owned(),
            });
        }
    }

    /// Everybody ends: the actors hold the fleet, and it holds them.
    pub(crate) fn end(&self) {
        let instances = self.seats.iter().filter_map(|seat| seat.instance());
        instances.for_each(|instance| instance.process().kill());
    }

    /// A gateway that takes a webhook: any, also one that stands still.
    pub(crate) fn draw_gateway(&self) -> Option<Rc<Gateway>> {
        let gateways: Vec<_> = self
            .seats
            .iter()
            .filter_map(|seat| match seat.instance()? {
                Instance::Gateway(gateway) if !gateway.me.is_dead() => Some(gateway),
                Instance::Runner(_) | Instance::Gateway(_) | Instance::Scheduler(_) => None,
            })
            .collect();
        self.world.executor.draw(|random| random.pick(&gateways).cloned())
    }

    /// Whatever was done to the processes is undone.
    pub(crate) fn heal(&self) {
        for seat in &self.seats {
            if let Role::Runner(host) = &seat.role {
                host.set_runtime_down(false);
            }
            if let Some(instance) = seat.instance() {
                instance.process().resume();
            }
        }
    }
}

impl Seat {
    pub(crate) fn instance(&self) -> Option<Instance> {
        self.life.borrow().clone()
    }

    /// The process, if it runs.
    pub(crate) fn running(&self) -> Option<Instance> {
        self.instance()
            .filter(|instance| instance.process().life() == Life::Running)
    }

    pub(crate) fn set_wall_offset(&self, offset_ms: i64) {
        let clock = HostClock {
            wall_offset_ms: offset_ms,
            ..self.clock.get()
        };
        self.clock.set(clock);
        if let Some(instance) = self.instance() {
            instance.process().set_wall_offset(offset_ms);
        }
    }
}
