//! Keeps a lease, or waits for it: leadership of the scheduler, an account of the gateway. Both services do it alike.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use proto::ids::{Epoch, IdSource};
use proto::lease::Trust;
use proto::lease::holding::{Hold, LeaseName, Sighting};
use proto::time::Monotonic;
use tokio::sync::watch;

use crate::exec::Process;
use crate::fences::Fence;
use crate::history::Event;
use crate::network::Rows;
use crate::world::World;

/// One candidate for one lease.
pub(crate) struct Holder {
    world: Rc<World>,
    me: Process,
    rows: Rows,
    name: LeaseName,
    /// Unique to one life of one instance.
    holder: String,
    last_good_sent: Cell<Monotonic>,
    held: RefCell<Option<Hold>>,
    /// A renewal that is on its way must not bring it back.
    given_up: Cell<bool>,
    /// The hold, while it may be trusted.
    trusted: watch::Sender<Option<Hold>>,
}

impl Holder {
    pub(crate) fn new(world: &Rc<World>, me: &Process, name: LeaseName) -> Rc<Self> {
        let life = world.ids.uuid().as_u128();
        Rc::new(Self {
            world: Rc::clone(world),
            me: me.clone(),
            rows: world.database.rows_for(me),
            name,
            holder: format!("{}/{life}", me.seat()),
            last_good_sent: Cell::default(),
            held: RefCell::default(),
            given_up: Cell::default(),
            trusted: watch::Sender::new(None),
        })
    }

    /// The hold while it may be trusted, as last noted.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Hold>> {
        self.trusted.subscribe()
    }

    /// Whether the hold may be trusted this very moment, by the clock.
    pub(crate) fn trusts_now(&self) -> bool {
        let trust = self
            .world
            .trust_of_holder(self.last_good_sent.get(), self.me.monotonic());
        self.held.borrow().is_some() && trust == Trust::Full
    }

    /// The hold, if it may be trusted this very moment.
    pub(crate) fn hold_trusted_now(&self) -> Option<Hold> {
        self.held.borrow().clone().filter(|_| self.trusts_now())
    }

    /// Tries for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut seen: Option<Sighting> = None;
        loop {
            let sent = self.me.monotonic();
            let held = self.held.borrow().clone();
            let done = async {
                match held {
                    Some(hold) => self.renew(&hold, sent).await,
                    None => self.try_to_take(&mut seen, sent).await,
                }
            };
            tokio::select! {
                biased;
                () = done => {}
                () = self.me.sleep(self.world.timings.heartbeat) => {}
            }
            let next = sent + self.world.timings.heartbeat;
            loop {
                self.note_trust();
                if self.me.monotonic() >= next {
                    break;
                }
                self.me.sleep(self.world.timings.heartbeat / 6).await;
            }
        }
    }

    async fn renew(&self, hold: &Hold, sent: Monotonic) {
        match self.rows.renew_lease(hold).await {
            Ok(()) => self.last_good_sent.set(sent),
            Err(store::Error::LeaseLost(_)) => drop(self.held.take()),
            Err(_) => return,
        }
        self.record();
    }

    async fn try_to_take(&self, seen: &mut Option<Sighting>, sent: Monotonic) {
        let Ok(row) = self.rows.lease(&self.name).await else {
            return;
        };
        if row.holder.as_deref() == Some(&self.holder) {
            // Taken, and the answer was lost: only a renewal says that it is held still.
            let hold = self.hold_at(row.epoch);
            let sent = self.me.monotonic();
            if self.rows.renew_lease(&hold).await.is_ok() {
                self.begin(hold, sent);
            }
            return;
        }
        let sighting = Sighting::observe(seen.take(), row, self.me.monotonic());
        let may_take = sighting.may_take(&self.world.timings, sent) || !self.world.stands(Fence::LeasePatience);
        if may_take && let Ok(Some(epoch)) = self.rows.take_lease(&self.name, &self.holder, &sighting.row).await {
            self.begin(self.hold_at(epoch), sent);
        }
        *seen = Some(sighting);
    }

    fn begin(&self, hold: Hold, sent: Monotonic) {
        if self.given_up.get() {
            return;
        }
        self.last_good_sent.set(sent);
        *self.held.borrow_mut() = Some(hold);
        self.record();
        self.note_trust();
    }

    fn hold_at(&self, epoch: Epoch) -> Hold {
        Hold {
            name: self.name.clone(),
            holder: self.holder.clone(),
            epoch,
        }
    }

    fn note_trust(&self) {
        let now = self.hold_trusted_now();
        self.trusted
            .send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
    }

    /// Tells the history how long this holder will trust itself if nothing more happens.
    fn record(&self) {
        let is_held = self.held.borrow().is_some();
        let age = self.me.monotonic().since(self.last_good_sent.get());
        let left = self.me.clock().true_span(self.world.timings.trust.saturating_sub(age));
        let until = match (is_held, self.world.stands(Fence::LeaseTrust)) {
            (true, true) => self.world.executor.now() + left,
            (true, false) => Duration::MAX,
            (false, _) => self.world.executor.now(),
        };
        self.world.history.record(Event::Holds {
            lease: self.name.to_string(),
            holder: self.holder.clone(),
            until,
        });
    }

    /// Gives it up, so that another may take it at once.
    pub(crate) async fn give_up(&self) {
        self.given_up.set(true);
        let held = self.held.take();
        self.note_trust();
        if let Some(hold) = held {
            self.record();
            let _ = self.rows.release_lease(&hold).await;
        }
    }
}
