//! What a run is: a seed, how large a fleet, for how long, how much goes wrong, and which fences stand.

use std::time::Duration;

use store::memory::Switch;

use crate::fences::Fence;

/// A run to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// What goes wrong, and how often.
    pub faults: Faults,
    /// Groups; each has a chat on either channel.
    pub groups: usize,
    /// Runners, two slots each.
    pub runners: usize,
    /// Schedulers; the last of several acts as if it led, whoever leads.
    pub schedulers: usize,
    /// Gateways.
    pub gateways: usize,
    /// Tasks, of each [kind](crate::tasks) in turn.
    pub tasks: usize,
    /// Whether groups have files that follow them as snapshots.
    pub files: bool,
    /// How long people write and things go wrong.
    pub storm: Duration,
    /// Fences of the actors that are taken down.
    pub without: Vec<Fence>,
    /// Fences of the rows that are taken down.
    pub without_in_rows: Vec<Switch>,
}

impl Plan {
    /// A run of the usual size with everything that can go wrong.
    pub fn usual(seed: u64) -> Self {
        Self {
            seed,
            faults: Faults::EVERYTHING,
            groups: 3,
            runners: 2,
            schedulers: 2,
            gateways: 2,
            tasks: 6,
            files: true,
            storm: Duration::from_secs(100),
            without: Vec::new(),
            without_in_rows: Vec::new(),
        }
    }

    /// A run of the usual size about messages alone: nothing is scheduled, and nobody has files.
    pub fn messages_only(seed: u64) -> Self {
        Self {
            tasks: 0,
            files: false,
            ..Self::usual(seed)
        }
    }

    /// The same run with a fence taken down.
    #[must_use]
    pub fn without(mut self, fence: Fence) -> Self {
        self.without.push(fence);
        self
    }

    /// The same run with a fence of the rows taken down.
    #[must_use]
    pub fn without_in_rows(mut self, switch: Switch) -> Self {
        self.without_in_rows.push(switch);
        self
    }

    /// The same run with other faults.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    pub(crate) fn stands(&self, fence: Fence) -> bool {
        !self.without.contains(&fence)
    }
}

/// How much goes wrong: weights of the great faults, and chances of the small ones.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Mean time between two great faults.
    pub every: Duration,
    /// A process is killed, and starts again after a while.
    pub crash: u32,
    /// A process stands still for a while.
    pub pause: u32,
    /// A process loses its way to one service for a while.
    pub cut: u32,
    /// A service is away from everybody for a while.
    pub outage: u32,
    /// Somebody sets a wall clock.
    pub wall_clock: u32,
    /// A process is asked to stop, as in a rolling upgrade.
    pub restart: u32,
    /// The container runtime of a host answers nothing for a while.
    pub runtime: u32,
    /// The log is made anew, or restored from a backup.
    pub log: u32,
    /// Chances of the small faults.
    pub chances: Chances,
}

/// Chances of what may go wrong at every single step.
#[derive(Clone, Copy, Debug)]
pub struct Chances {
    /// A process dies just before or just after a call of the store takes effect.
    pub crash: f64,
    /// A process stands still from just before the answer of a call comes, for a while.
    pub stall: f64,
    /// A request is refused, lost, late, or its answer is lost.
    pub broken_request: f64,
    /// A request is late, beside those of them that are.
    pub late_request: f64,
    /// A hint is lost.
    pub hint_lost: f64,
    /// A hint is late.
    pub hint_late: f64,
    /// A hint comes twice.
    pub hint_doubled: f64,
    /// The agent crashes at a step.
    pub agent_crash: f64,
    /// The agent says nothing any more.
    pub agent_hang: f64,
    /// The platform carries a request out and does not answer, does not carry it out, or says "too many".
    pub platform: f64,
    /// The platform sends an event again that was taken already.
    pub event_again: f64,
}

impl Chances {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        crash: 0.0,
        stall: 0.0,
        broken_request: 0.0,
        late_request: 0.0,
        hint_lost: 0.0,
        hint_late: 0.0,
        hint_doubled: 0.0,
        agent_crash: 0.0,
        agent_hang: 0.0,
        platform: 0.0,
        event_again: 0.0,
    };
    /// A bad day.
    pub const USUAL: Self = Self {
        crash: 0.001,
        stall: 0.000_5,
        broken_request: 0.01,
        late_request: 0.0,
        hint_lost: 0.1,
        hint_late: 0.1,
        hint_doubled: 0.1,
        agent_crash: 0.02,
        agent_hang: 0.005,
        platform: 0.1,
        event_again: 0.2,
    };
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        every: Duration::from_secs(1_000_000),
        crash: 0,
        pause: 0,
        cut: 0,
        outage: 0,
        wall_clock: 0,
        restart: 0,
        runtime: 0,
        log: 0,
        chances: Chances::NONE,
    };
    /// Everything that can go wrong.
    pub const EVERYTHING: Self = Self {
        every: Duration::from_secs(6),
        crash: 4,
        pause: 4,
        cut: 4,
        outage: 2,
        wall_clock: 2,
        restart: 2,
        runtime: 2,
        log: 1,
        chances: Chances::USUAL,
    };
}
