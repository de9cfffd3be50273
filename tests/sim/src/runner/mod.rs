//! The runner's shells, call for call as in the crate `runner`: lease, claim loop, recovery, reconciling, runs and guards.

mod dispatch;
mod guard;
mod lease;
mod outage;
mod persist;
mod reconcile;
mod recovery;
mod run;
mod slots;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bus::Hint;
use proto::ids::{ChatId, Incarnation, OutboxId, RunnerId};
use proto::lease::Trust;
use tokio::sync::watch;

use crate::exec::Process;
use crate::network::Rows;
use crate::platform::{ACCOUNT, Channel};
use crate::sandbox::{Host, TrustOfRunner};
use crate::world::World;
use slots::Slots;

/// Slots of every runner: few, so that groups must wait and evict.
pub(crate) const SLOTS: u32 = 2;
/// What a drain leaves to turns that were begun.
const DRAIN: Duration = Duration::from_secs(10);

/// How urgently a process was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    No,
    Soft,
    Hard,
}

/// One life of a runner.
pub(crate) struct Runner {
    pub(crate) world: Rc<World>,
    pub(crate) me: Process,
    pub(crate) rows: Rows,
    pub(crate) host: Rc<Host>,
    pub(crate) name: RunnerId,
    pub(crate) incarnation: Cell<Incarnation>,
    pub(crate) trust: watch::Sender<Trust>,
    pub(crate) clocked: Rc<TrustOfRunner>,
    pub(crate) runtime_is_up: watch::Sender<bool>,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) slots: Slots,
}

impl Runner {
    /// Starts a life of the runner of a host.
    pub(crate) fn start(world: &Rc<World>, host: &Rc<Host>, me: &Process) -> Rc<Self> {
        let runner = Rc::new(Self {
            world: Rc::clone(world),
            me: me.clone(),
            rows: world.database.rows_for(me),
            host: Rc::clone(host),
            name: RunnerId::new(host.name.clone()),
            incarnation: Cell::default(),
            trust: watch::Sender::new(Trust::Full),
            clocked: Rc::new(TrustOfRunner {
                last_good_sent: Cell::default(),
            }),
            runtime_is_up: watch::Sender::new(false),
            stop: watch::Sender::new(Stop::No),
            slots: Slots::default(),
        });
        me.spawn(Rc::clone(&runner).live());
        runner
    }

    async fn live(self: Rc<Self>) {
        let registered = self.rows.register_runner(&self.name, SLOTS, self.me.now()).await;
        let Ok(incarnation) = registered else {
            // The process ends, and is started again.
            return self.me.kill();
        };
        self.incarnation.set(incarnation);
        self.note(format_args!("begins its life {incarnation}"));
        self.me.spawn(lease::run(Rc::clone(&self)));
        self.me.spawn(recovery::run(Rc::clone(&self)));
        self.me.spawn(dispatch::run(Rc::clone(&self)));
    }

    /// Stops as in a rolling upgrade: finishes what was begun, gives the rest back, and goes.
    pub(crate) async fn drain(self: Rc<Self>) {
        self.stop.send_replace(Stop::Soft);
        tokio::select! {
            () = self.slots.empty() => {}
            () = self.me.sleep(DRAIN) => {}
        }
        self.stop.send_replace(Stop::Hard);
        tokio::select! {
            () = self.slots.empty() => {
                let _ = self.rows.retire_runner(&self.name, self.incarnation.get()).await;
            }
            () = self.me.sleep(DRAIN) => {}
        }
        self.me.kill();
    }

    pub(crate) fn trusted(&self) -> bool {
        *self.trust.borrow() == Trust::Full
    }

    pub(crate) fn stopping(&self) -> bool {
        *self.stop.borrow() != Stop::No
    }

    pub(crate) fn publish(&self, hint: Hint) {
        self.world.bus.publish(&self.me, hint);
    }

    pub(crate) async fn publish_outbox(&self, chat: &ChatId, row: OutboxId) {
        // In the real runner the chat's row says this; a call more that may fail and changes nothing.
        let _ = self.rows.chat(chat).await;
        let channel = Channel::ALL
            .into_iter()
            .find(|channel| chat.as_str().starts_with(channel.name()));
        if let Some(channel) = channel {
            self.publish(Hint::Outbox {
                channel: channel.name().to_owned(),
                account: ACCOUNT.to_owned(),
                row: Some((row, chat.clone())),
            });
        }
    }

    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.world
            .history
            .note(None, format_args!("{}: {text}", self.me.seat()));
    }
}
