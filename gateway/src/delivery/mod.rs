//! The way out: outbox rows of one account leave through its channel, in order per chat, chats side by side.
//!
//! Of all gateways the one that holds the account's lease delivers ([`account`]). An attempt is charged under that hold
//! before anything leaves, is made only for as long as the hold lasts, and its outcome is recorded afterwards. So
//! a crash at any moment leaves a row in `sending`; the platform is asked whether it arrived, and where that cannot be known
//! the channel's stated policy decides. This loop decides nothing about texts or retries: that is [`proto::outbound`].

pub mod account;
mod attempt;
mod breaker;
mod lease;
pub(crate) mod undelivered;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bus::{Hint, Hints, Ingress, Interest};
use proto::ids::{ChatId, Epoch, OutboxId};
use proto::lease::holding::Hold;
use proto::time::{Clock, Monotonic, Timestamp};
use service::random::Random;
use service::readiness::Condition;
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::health::Health;
use crate::metrics::Metrics;
use attempt::{Attempt, Ended, Ending, Next};
use breaker::Breaker;
pub use lease::Lease;

/// Sends of one account under way at once: enough that a few slow chats do not hold up the others, few enough that a
/// platform does not take it for an attack.
const PARALLEL_MAX: usize = 16;
/// Heads of queues looked at in one pass. Rows of chats that nobody has open are among them and stay there, so this
/// must exceed the number of such chats.
const PASS_MAX: u32 = 1_000;
/// Longest time between two looks at the outbox: the sweep that repairs a missed hint, and the grain of retry times.
const SWEEP: Duration = Duration::from_secs(1);
/// How often the holder looks for rows in `sending` that it is not sending: a chat may come from an account whose gateway
/// died while sending.
const SETTLE_EVERY: Duration = Duration::from_secs(2);
/// Time that the last sends get to begin and to end when the node stops; within the lifecycle's own grace.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What the loop works with.
#[derive(Clone)]
pub struct Tools {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// The way by which an agent learns what did not arrive.
    pub ingress: Arc<dyn Ingress>,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// When to try.
    pub clock: Arc<dyn Clock>,
    /// Jitter of the sweep.
    pub random: Random,
    /// What became of it.
    pub metrics: Metrics,
}

/// The delivery loop of one account.
pub struct DeliveryLoop {
    channel: Arc<dyn Channel>,
    lease: Lease,
    tools: Tools,
    health: Arc<Health>,
    breaker: Breaker,
    /// Rows to be begun, in order: what the last look found, hints named and ended sends left behind them.
    due: VecDeque<(OutboxId, ChatId)>,
    /// When the outbox was looked at last; none, if something may be due that is not known here.
    looked: Option<Monotonic>,
    /// Whether that look found all there was.
    found_all: bool,
    /// Tasks of their own: each holds a connection of the store while it goes on, and this loop waits for one itself.
    under_way: JoinSet<Ended>,
    /// Chats of which something is under way, and what hints named meanwhile: the end of a send may have been recorded just before
    /// that row was there.
    busy_chats: HashMap<ChatId, Option<OutboxId>>,
    /// Chats whose next row the store would not charge, and until when they are left alone: a store that is read but takes
    /// no writes (its disk is full) offers the same rows again at once.
    resting_chats: HashMap<ChatId, Monotonic>,
    /// Whether the last pass was allowed to act.
    is_holder: bool,
    /// Since which change of the holder, and when last, rows were settled that are in `sending` with nobody sending them.
    settled: Option<(Epoch, Monotonic)>,
    /// The store said so before the keeper of the lease noticed.
    lost: Option<Epoch>,
}

impl DeliveryLoop {
    /// A loop that has not looked yet.
    pub fn new(channel: Arc<dyn Channel>, lease: Lease, tools: Tools, health: Arc<Health>) -> Self {
        Self {
            channel,
            lease,
            tools,
            health,
            breaker: Breaker::new(),
            due: VecDeque::new(),
            looked: None,
            found_all: true,
            under_way: JoinSet::new(),
            busy_chats: HashMap::new(),
            resting_chats: HashMap::new(),
            is_holder: false,
            settled: None,
            lost: None,
        }
    }

    /// One pass: settles what an earlier holder left in `sending`, then starts what is due, as far as there is room.
    /// While the account is not held it does nothing.
    ///
    /// # Errors
    /// When the store cannot answer; the next pass tries again.
    pub async fn tick(&mut self, now: Timestamp) -> store::Result<()> {
        let hold = self.hold();
        self.note_standing(hold.is_some());
        let Some(hold) = hold else {
            self.due.clear();
            self.looked = None;
            return Ok(());
        };
        let monotonic = self.tools.clock.monotonic();
        let settled = self.settled.filter(|(epoch, _)| *epoch == hold.epoch);
        if settled.is_none_or(|(_, at)| monotonic.since(at) >= SETTLE_EVERY) {
            self.settle_interrupted(&hold).await?;
            self.settled = Some((hold.epoch, monotonic));
        }
        self.resting_chats.retain(|_, until| *until > monotonic);
        self.looked = None;
        if self.has_room(monotonic) {
            let (name, account) = (self.channel.name(), self.channel.account());
            let due = self.tools.store.due_deliveries(name, account, now, PASS_MAX).await?;
            self.due = due.into_iter().map(|delivery| (delivery.id, delivery.chat)).collect();
            self.found_all = self.due.len() < PASS_MAX as usize;
            self.looked = Some(monotonic);
            self.begin_due(&hold, monotonic);
        }
        Ok(())
    }

    /// Begins what is known to be due, without a look at the outbox; takes a whole pass when the last one was long ago or in an
    /// earlier hold, found more than it took and that is done, or something is to be settled first.
    async fn go_on(&mut self) -> store::Result<()> {
        let monotonic = self.tools.clock.monotonic();
        let looked_lately = self.looked.is_some_and(|at| monotonic.since(at) < SWEEP);
        let looked_lately = looked_lately && (self.found_all || !self.due.is_empty());
        let settled = |hold: &Hold| self.settled.is_some_and(|(epoch, _)| epoch == hold.epoch);
        match self.hold().filter(|hold| looked_lately && settled(hold)) {
            Some(hold) => {
                self.begin_due(&hold, monotonic);
                Ok(())
            }
            None => self.tick(self.tools.clock.now()).await,
        }
    }

    fn has_room(&mut self, now: Monotonic) -> bool {
        self.under_way.len() < self.breaker.room(now, PARALLEL_MAX)
    }

    fn begin_due(&mut self, hold: &Hold, now: Monotonic) {
        while self.has_room(now)
            && let Some((id, chat)) = self.due.pop_front()
        {
            // The outcome of an attempt under way is not recorded yet: nothing of this chat may overtake it.
            if let Some(next) = self.busy_chats.get_mut(&chat) {
                next.get_or_insert(id);
                continue;
            }
            if self.resting_chats.contains_key(&chat) || !self.channel.reachable(&chat) {
                continue;
            }
            self.busy_chats.insert(chat.clone(), None);
            let attempt = self.attempt(hold);
            self.under_way.spawn(attempt.make(id, chat));
        }
    }

    /// Waits until nothing is under way.
    pub async fn settle(&mut self) {
        while let Some(ended) = self.ended().await {
            self.note_end(ended);
        }
    }

    /// Ticks when the lease is won, on hints that do not say what there is, and at the latest every sweep; goes on after those that do
    /// and after every end of a send. Until told to stop.
    pub async fn run(mut self, ready: Condition, stop: CancellationToken) {
        let mut hints = self.tools.hints.listen(Interest::Outbox {
            channel: self.channel.name().to_owned(),
            account: self.channel.account().to_owned(),
        });
        let mut is_known = false;
        while !stop.is_cancelled() {
            let passed = if is_known {
                self.go_on().await
            } else {
                self.tick(self.tools.clock.now()).await
            };
            match passed {
                Ok(()) if self.lease.is_reached() => ready.ok(),
                Ok(()) => ready.degraded("the lease of an account cannot be kept: the database does not answer"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the outbox cannot be read");
                    ready.degraded("the outbox cannot be read");
                }
            }
            let sweep = SWEEP.mul_f64(0.75 + (self.tools.random)() / 2.0);
            let now = self.tools.clock.monotonic();
            let sweep = sweep.saturating_sub(self.looked.map_or(Duration::ZERO, |looked| now.since(looked)));
            is_known = tokio::select! {
                () = stop.cancelled() => false,
                () = tokio::time::sleep(sweep) => false,
                hint = hints.next() => self.note_hint(hint),
                () = self.lease.changed() => false,
                Some(ended) = ended(&mut self.under_way) => {
                    self.note_end(ended);
                    true
                }
            };
        }
        let finished = tokio::time::timeout(STOP_GRACE, self.finish()).await;
        self.note_standing(false);
        if finished.is_err() {
            tracing::info!(
                channel.name = self.channel.name(),
                deliveries = self.under_way.len(),
                "stopped with deliveries under way; the next holder decides about them"
            );
        }
    }

    /// Sends what was committed up to the stop, and waits until nothing is under way.
    async fn finish(&mut self) {
        while let Ok(()) = self.tick(self.tools.clock.now()).await {
            match self.ended().await {
                Some(ended) => self.note_end(ended),
                None => return,
            }
        }
        self.settle().await;
    }

    async fn ended(&mut self) -> Option<Ended> {
        ended(&mut self.under_way).await
    }

    fn hold(&self) -> Option<Hold> {
        self.lease
            .hold(&*self.tools.clock)
            .filter(|hold| self.lost != Some(hold.epoch))
    }

    fn attempt(&self, hold: &Hold) -> Attempt {
        Attempt {
            channel: Arc::clone(&self.channel),
            lease: self.lease.clone(),
            hold: hold.clone(),
            tools: self.tools.clone(),
        }
    }

    async fn settle_interrupted(&mut self, hold: &Hold) -> store::Result<()> {
        let (name, account) = (self.channel.name(), self.channel.account());
        for delivery in self.tools.store.interrupted_deliveries(name, account).await? {
            if self.busy_chats.contains_key(&delivery.chat) {
                continue;
            }
            // Held still, so the rows were read while held: no other holder's attempt is among them. Should another
            // take over now, the number of the attempt keeps this record from touching a later one.
            if !self.lease.is_trusted_under(hold, &*self.tools.clock) {
                break;
            }
            // A task of its own, since the platform may be asked whether it arrived.
            self.busy_chats.insert(delivery.chat.clone(), None);
            let attempt = self.attempt(hold);
            self.under_way.spawn(attempt.settle(delivery));
        }
        Ok(())
    }

    fn note_standing(&mut self, is_holder: bool) {
        if std::mem::replace(&mut self.is_holder, is_holder) != is_holder {
            self.tools.metrics.count_account(self.channel.name(), is_holder);
        }
    }

    /// Takes note of what a hint names; whether it did.
    fn note_hint(&mut self, hint: Option<Hint>) -> bool {
        match hint {
            Some(Hint::Outbox { row: Some(row), .. }) if self.due.len() < PASS_MAX as usize => {
                self.due.push_back(row);
                true
            }
            _ => false,
        }
    }

    fn note_end(&mut self, ended: Ended) {
        let named = self.busy_chats.remove(&ended.chat).flatten();
        match ended.next.or(named.map(Next::Behind)) {
            Some(Next::Part(id)) => self.due.push_front((id, ended.chat.clone())),
            Some(Next::Behind(id)) => self.due.push_back((id, ended.chat.clone())),
            None => {}
        }
        if let Some(verdict) = ended.verdict {
            let now = self.tools.clock.monotonic();
            let trouble = self.breaker.note(verdict, now, (self.tools.random)());
            self.health.sending(trouble);
        }
        match ended.ending {
            Ending::Clear => {}
            // What is before it is not known here.
            Ending::Refused => self.looked = None,
            Ending::LeaseLost(epoch) => {
                tracing::warn!(
                    channel.name = self.channel.name(),
                    "the account is somebody else's by now"
                );
                self.lost = Some(epoch);
            }
            Ending::Left => self.settled = None,
            Ending::InDoubt => {
                self.settled = None;
                let rested = self.tools.clock.monotonic() + SWEEP;
                self.resting_chats.insert(ended.chat, rested);
            }
        }
    }
}

/// The next attempt that has ended; none while none is under way. Cancel-safe.
async fn ended(under_way: &mut JoinSet<Ended>) -> Option<Ended> {
    match under_way.join_next().await? {
        Ok(ended) => Some(ended),
        // Nobody aborts one, so it panicked: a defect, which ends this loop as it would have without a task of its own.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests;
