//! The way out: rows of one account leave through its channel, in order per chat, while the account is held.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use bus::{Hint, Interest};
use proto::ids::{ChatId, Epoch, OutboxId};
use proto::lease::holding::Hold;
use proto::outbound::{AfterSend, Delivery, Limits, Part, decide_after_interruption, decide_after_send, next_part};
use proto::time::Monotonic;

use super::Gateway;
use crate::fences::Fence;
use crate::holder::Holder;
use crate::platform::{ACCOUNT, Channel};

const PASS_MAX: u32 = 1_000;
const SWEEP: Duration = Duration::from_secs(1);
/// How often the holder looks for rows in `sending` that it is not sending.
const SETTLE_EVERY: Duration = Duration::from_secs(2);
const RECORD_RETRY: Duration = Duration::from_millis(250);

/// The delivery loop of one account.
struct Delivering {
    gateway: Rc<Gateway>,
    channel: Channel,
    holder: Rc<Holder>,
    busy: RefCell<BTreeSet<ChatId>>,
    /// Since which change of the holder, and when last, rows were settled that are in `sending` with nobody sending them.
    settled: Cell<Option<(Epoch, Monotonic)>>,
}

/// Delivers for as long as the gateway lives, whenever it holds the account.
pub(super) async fn run(gateway: Rc<Gateway>, channel: Channel, holder: Rc<Holder>) {
    let interest = Interest::Outbox {
        channel: channel.name().to_owned(),
        account: ACCOUNT.to_owned(),
    };
    let hints = gateway.world.bus.listen(&gateway.me, interest);
    let mut stopping = gateway.stopping.subscribe();
    let mut held = holder.watch();
    let delivering = Rc::new(Delivering {
        gateway: Rc::clone(&gateway),
        channel,
        holder,
        busy: RefCell::default(),
        settled: Cell::default(),
    });
    let mut named = None;
    loop {
        // A store that does not answer is asked again by the next sweep.
        let _ = match named.take() {
            Some((id, chat)) => delivering.go_on(id, chat).await,
            None => delivering.tick().await,
        };
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => return,
            hint = hints.next() => if let Hint::Outbox { row, .. } = hint {
                named = row;
            },
            _ = held.changed() => {}
            () = gateway.me.sleep(gateway.world.about(SWEEP)) => {}
        }
    }
}

impl Delivering {
    async fn tick(self: &Rc<Self>) -> store::Result<()> {
        let Some(hold) = self.holder.hold_trusted_now() else {
            return Ok(());
        };
        let monotonic = self.gateway.me.monotonic();
        let settled = self.settled.get().filter(|(epoch, _)| *epoch == hold.epoch);
        if settled.is_none_or(|(_, at)| monotonic.since(at) >= SETTLE_EVERY) {
            self.settle_interrupted(&hold).await?;
            self.settled.set(Some((hold.epoch, monotonic)));
        }
        let (rows, now) = (&self.gateway.rows, self.gateway.me.now());
        for delivery in rows.due_deliveries(self.channel.name(), ACCOUNT, now, PASS_MAX).await? {
            if !self.gateway.world.stands(Fence::ChargeBeforeSend) {
                let (this, hold) = (Rc::clone(self), hold.clone());
                self.begin(delivery.chat.clone(), async move {
                    this.send_and_charge_later(&hold, &delivery).await
                });
            } else {
                self.attempt(&hold, delivery.id, delivery.chat);
            }
        }
        Ok(())
    }

    /// Begins what a hint names, without a look at the outbox, where a pass was made in this hold.
    async fn go_on(self: &Rc<Self>, id: OutboxId, chat: ChatId) -> store::Result<()> {
        let stands = self.gateway.world.stands(Fence::ChargeBeforeSend);
        let passed = |hold: &Hold| self.settled.get().is_some_and(|(epoch, _)| epoch == hold.epoch);
        match self.holder.hold_trusted_now().filter(|hold| stands && passed(hold)) {
            Some(hold) => {
                self.attempt(&hold, id, chat);
                Ok(())
            }
            None => self.tick().await,
        }
    }

    fn attempt(self: &Rc<Self>, hold: &Hold, id: OutboxId, chat: ChatId) {
        let (this, hold) = (Rc::clone(self), hold.clone());
        self.begin(chat, async move { this.attempt_all(&hold, id).await });
    }

    /// Nothing of a chat overtakes what is under way.
    fn begin(self: &Rc<Self>, chat: ChatId, attempt: impl Future<Output = ()> + 'static) {
        if self.busy.borrow_mut().insert(chat.clone()) {
            let this = Rc::clone(self);
            self.gateway.me.spawn(async move {
                attempt.await;
                this.busy.borrow_mut().remove(&chat);
            });
        }
    }

    /// Decides about what somebody left in `sending`.
    async fn settle_interrupted(&self, hold: &Hold) -> store::Result<()> {
        for delivery in self
            .gateway
            .rows
            .interrupted_deliveries(self.channel.name(), ACCOUNT)
            .await?
        {
            if self.busy.borrow().contains(&delivery.chat) {
                continue;
            }
            // Held still, so no other holder's attempt is among them.
            if self.holder.hold_trusted_now().as_ref() != Some(hold) {
                break;
            }
            let now = self.gateway.me.now();
            let after = match self.gateway.world.stands(Fence::InterruptionPolicy) {
                true => decide_after_interruption(&delivery, &whole(&delivery), self.channel.resend(), now),
                false => AfterSend::Retry {
                    reason: "interrupted".to_owned(),
                    not_before: now,
                    counts: true,
                },
            };
            self.record(&delivery, &after).await?;
        }
        Ok(())
    }

    /// One row and, as each ends, the one behind it.
    async fn attempt_all(&self, hold: &Hold, first: OutboxId) {
        let (gateway, mut next) = (&self.gateway, Some(first));
        while let Some(id) = next.take() {
            match gateway.rows.begin_delivery(hold, id, gateway.me.now()).await {
                Ok(Some(delivery)) => {
                    let after = self.send(hold, &delivery).await;
                    next = self.conclude(&delivery, &after).await;
                }
                Ok(None) => {}
                Err(_) => {
                    self.settled.set(None);
                    gateway.me.sleep(SWEEP).await;
                }
            }
        }
    }

    async fn send(&self, hold: &Hold, delivery: &Delivery) -> AfterSend {
        let (world, me) = (&self.gateway.world, &self.gateway.me);
        // The charge may have taken long. Sent now, it could overtake or repeat what the next holder sends.
        if world.stands(Fence::CheckBeforeSend) && self.holder.hold_trusted_now().as_ref() != Some(hold) {
            return AfterSend::Retry {
                reason: "the lease of the account ran out before it was sent".to_owned(),
                not_before: delivery.created_at,
                counts: false,
            };
        }
        world.history.note(
            Some(&delivery.group),
            format_args!("{} sends {}: {}", me.seat(), delivery.id, delivery.text),
        );
        let outcome = world.platform.show(me, self.channel, delivery).await;
        decide_after_send(outcome, delivery, &whole(delivery), self.channel.resend(), me.now())
    }

    async fn conclude(&self, delivery: &Delivery, after: &AfterSend) -> Option<OutboxId> {
        loop {
            match self.record(delivery, after).await {
                Ok(behind) => return behind,
                Err(_) => self.gateway.me.sleep(RECORD_RETRY).await,
            }
        }
    }

    /// Records what follows from an attempt; one that was charged again since has nothing to record. Returns the row behind it.
    async fn record(&self, delivery: &Delivery, after: &AfterSend) -> store::Result<Option<OutboxId>> {
        let now = self.gateway.me.now();
        match self
            .gateway
            .rows
            .finish_delivery(delivery.id, delivery.attempts, after, now)
            .await
        {
            Err(error @ store::Error::Unavailable(_)) => Err(error),
            Err(_) => Ok(None),
            Ok(behind) => Ok(behind),
        }
    }

    /// With the fence down: it leaves first, and the row learns of it afterwards.
    async fn send_and_charge_later(&self, hold: &Hold, due: &Delivery) {
        let after = self.send(hold, due).await;
        let gateway = &self.gateway;
        if let Ok(Some(delivery)) = gateway.rows.begin_delivery(hold, due.id, gateway.me.now()).await {
            self.conclude(&delivery, &after).await;
        }
    }
}

/// Texts of the simulator fit into one message.
fn whole(delivery: &Delivery) -> Part {
    next_part(&delivery.text, delivery.sent_through, Limits::NONE)
}
