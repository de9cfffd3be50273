//! Reads and writes the row of one lease.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::Epoch;
use proto::lease::LeaseTimings;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use proto::time::{Clock, Monotonic};
use tokio::sync::watch;

use super::candidate::Candidate;
use super::{Held, Takeover};
use crate::{Error, Result, Store};

/// How often a candidate looks, before jitter: a lease that was given up is held again within a second. Also the wait before a
/// renewal that failed is tried again.
const LOOK: Duration = Duration::from_millis(500);
/// Time that giving the lease up may take: a stop must not hang on it, and others take it anyway once it was silent.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Keeps one lease.
pub struct Keeper {
    store: Arc<dyn Store>,
    name: LeaseName,
    holder: String,
    timings: LeaseTimings,
    clock: Arc<dyn Clock>,
    random: fn() -> f64,
    takeover: Takeover,
    standing: Standing,
    /// The last attempt to take the lease got no answer: it may have taken effect.
    take_in_doubt: bool,
    held: watch::Sender<Option<Held>>,
    reached: watch::Sender<bool>,
}

enum Standing {
    Candidate(Candidate),
    Holding(Held),
}

/// A store that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct NoAnswer(Duration);

impl Keeper {
    /// A candidate that has not looked yet. `holder` must be unique to this life of this process, for example
    /// `<instance>/<uuid>`; `random` gives the jitter, from 0.0 to 1.0.
    pub fn new(
        store: Arc<dyn Store>,
        name: LeaseName,
        holder: String,
        timings: LeaseTimings,
        clock: Arc<dyn Clock>,
        random: fn() -> f64,
        takeover: Takeover,
    ) -> Self {
        Self {
            store,
            name,
            holder,
            timings,
            clock,
            random,
            takeover,
            standing: Standing::Candidate(Candidate::default()),
            take_in_doubt: false,
            held: watch::Sender::new(None),
            reached: watch::Sender::new(false),
        }
    }

    /// The lease while it is held. A change is told when the lease is won or lost, not at every renewal.
    ///
    /// Losing it may be told late (this process may have been paused): [`Held::is_trusted`] never is.
    pub fn held(&self) -> watch::Receiver<Option<Held>> {
        self.held.subscribe()
    }

    /// Whether the row could be read or written lately; who waits for somebody else's lease is as healthy as who holds it.
    pub fn reached(&self) -> watch::Receiver<bool> {
        self.reached.subscribe()
    }

    /// One pass: a candidate looks and takes what may be taken, a holder renews.
    ///
    /// # Errors
    /// When the store cannot answer within a heartbeat interval. The lease is held on as long as it is trusted.
    pub async fn tick(&mut self) -> Result<()> {
        self.publish();
        let done = match &self.standing {
            Standing::Holding(held) => self.renew(held.hold.clone()).await,
            Standing::Candidate(_) => self.look().await,
        };
        self.publish();
        self.reached.send_if_modified(|reached| {
            let before = std::mem::replace(reached, done.is_ok());
            before != *reached
        });
        done
    }

    /// Ticks until told to stop, then gives the lease up. The work under the lease must have ended before.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        let mut failing = false;
        loop {
            let outcome = tokio::select! {
                biased;
                () = &mut stop => break,
                outcome = self.tick() => outcome,
            };
            if let Err(error) = &outcome
                && !failing
            {
                let error = error as &dyn std::error::Error;
                tracing::warn!(lease.name = %self.name, error, "the lease cannot be kept; trying on");
            }
            failing = outcome.is_err();
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = tokio::time::sleep(self.pause(failing)) => {}
            }
        }
        self.release().await;
    }

    /// Gives the lease up, so that another may take it at once. The work under it must have ended before.
    pub async fn release(&mut self) {
        let standing = std::mem::replace(&mut self.standing, Standing::Candidate(Candidate::default()));
        self.publish();
        let released = async {
            let hold = match standing {
                Standing::Holding(held) => held.hold,
                Standing::Candidate(_) if self.take_in_doubt => {
                    let row = self.store.lease(&self.name).await?;
                    self.hold_at(row.epoch)
                }
                Standing::Candidate(_) => return Ok(()),
            };
            self.store.release_lease(&hold).await
        };
        if let Err(error) = bounded(RELEASE_TIMEOUT, released).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(lease.name = %self.name, error, "the lease was not given up; others take it once it was silent");
        }
    }

    async fn look(&mut self) -> Result<()> {
        let asked = self.now();
        let read = bounded(self.timings.heartbeat, self.store.lease(&self.name)).await;
        let answered = self.now();
        let Standing::Candidate(candidate) = &mut self.standing else {
            return Ok(());
        };
        let row = match read {
            Ok(row) => row,
            Err(error) => {
                // Nobody could have renewed while the store was away.
                candidate.forget();
                return Err(error);
            }
        };
        if row.holder.as_ref() == Some(&self.holder) {
            // An attempt whose answer was lost had taken it.
            return self.renew(self.hold_at(row.epoch)).await;
        }
        self.take_in_doubt = false;
        let may_take = candidate.read(&row, &self.timings, asked, answered);
        if !may_take && self.takeover == Takeover::Observe {
            return Ok(());
        }
        let taken = self.take(&row).await;
        if let (Err(_), Standing::Candidate(candidate)) = (&taken, &mut self.standing) {
            candidate.forget();
        }
        taken
    }

    async fn take(&mut self, seen: &LeaseRow) -> Result<()> {
        let sent_at = self.now();
        // Set before the call, which may be cut off: the next look, or the release, finds out.
        self.take_in_doubt = true;
        let taking = self.store.take_lease(&self.name, &self.holder, seen);
        let taken = bounded(self.timings.heartbeat, taking).await?;
        self.take_in_doubt = false;
        if let Some(epoch) = taken {
            let before = seen.holder.as_deref().unwrap_or("nobody");
            tracing::info!(lease.name = %self.name, lease.epoch = %epoch, lease.before = before, "lease taken");
            self.hold(self.hold_at(epoch), sent_at);
        }
        Ok(())
    }

    async fn renew(&mut self, hold: Hold) -> Result<()> {
        let sent_at = self.now();
        match bounded(self.timings.heartbeat, self.store.renew_lease(&hold)).await {
            Ok(()) => {
                self.take_in_doubt = false;
                self.hold(hold, sent_at);
                Ok(())
            }
            Err(Error::LeaseLost(_)) => {
                tracing::warn!(lease.name = %self.name, lease.epoch = %hold.epoch, "lease lost");
                self.standing = Standing::Candidate(Candidate::default());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn hold(&mut self, hold: Hold, sent_at: Monotonic) {
        self.standing = Standing::Holding(Held::new(hold, sent_at, self.timings));
    }

    fn hold_at(&self, epoch: Epoch) -> Hold {
        Hold {
            name: self.name.clone(),
            holder: self.holder.clone(),
            epoch,
        }
    }

    /// Tells what is held and trusted now.
    fn publish(&self) {
        let now = self.now();
        let held = match &self.standing {
            Standing::Holding(held) if held.is_trusted(now) => Some(held.clone()),
            Standing::Holding(_) | Standing::Candidate(_) => None,
        };
        self.held.send_if_modified(|told| {
            let hold = |held: &Option<Held>| held.as_ref().map(|held| held.hold.clone());
            let changed = hold(told) != hold(&held);
            *told = held;
            changed
        });
    }

    /// A renewal that failed is tried again as soon as a candidate would look.
    fn pause(&self, failing: bool) -> Duration {
        match &self.standing {
            Standing::Holding(_) if !failing => self.timings.heartbeat,
            Standing::Holding(_) | Standing::Candidate(_) => {
                LOOK.min(self.timings.heartbeat).mul_f64(0.75 + (self.random)() / 2.0)
            }
        }
    }

    fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }
}

/// Lets a call take so long at most. All calls made so may take effect after all: a renewal only prolongs what is held,
/// and a take is found by the next look.
async fn bounded<T>(limit: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable(Box::new(NoAnswer(limit)))))
}
