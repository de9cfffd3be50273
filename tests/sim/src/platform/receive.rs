//! What gateways ask of the platform: the events of an account, and to show something.

use std::rc::Rc;
use std::time::Duration;

use proto::outbound::{Delivery, SendOutcome};

use super::{Channel, Platform, Post};
use crate::exec::Process;
use crate::history::Event;
use crate::network::{NoAnswer, Service};

/// How long a channel waits for the platform.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the platform makes of a request to show something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Shows,
    ShowsInSilence,
    IsSilent,
    TooMany,
}

impl Platform {
    /// Events of the account from a position on.
    pub(crate) async fn read(
        self: &Rc<Self>,
        me: &Process,
        from: Option<usize>,
    ) -> Result<(usize, Vec<Post>), NoAnswer> {
        let platform = Rc::clone(self);
        let serve = move || {
            let from = from.unwrap_or(platform.confirmed.get());
            let stream = platform.stream.borrow();
            (from, stream.get(from..).map(<[_]>::to_vec).unwrap_or_default())
        };
        self.network.ask(me, Service::Platform, PATIENCE, serve).await
    }

    /// The reader has taken all events before this position.
    pub(crate) async fn confirm(self: &Rc<Self>, me: &Process, through: usize) -> Result<(), NoAnswer> {
        let platform = Rc::clone(self);
        let serve = move || {
            let taken: Vec<_> = platform.stream.borrow().iter().take(through).cloned().collect();
            for post in taken.iter().skip(platform.confirmed.get()) {
                platform.note_taken(post);
            }
            platform.confirmed.set(through.max(platform.confirmed.get()));
        };
        self.network.ask(me, Service::Platform, PATIENCE, serve).await
    }

    /// Shows a message to people. A request that nobody waits for any more is dropped by the platform's front door.
    pub(crate) async fn show(self: &Rc<Self>, me: &Process, channel: Channel, delivery: &Delivery) -> SendOutcome {
        let mood = self.draw_mood();
        let (platform, sent) = (Rc::clone(self), delivery.clone());
        let given_up_at = self.executor.now() + PATIENCE.mul_f64(0.5);
        let serve = move || {
            if mood == Mood::TooMany {
                return Some(false);
            }
            if mood == Mood::IsSilent || platform.executor.now() > given_up_at {
                return None;
            }
            platform.put_on_show(channel, &sent);
            (mood == Mood::Shows).then_some(true)
        };
        match self.network.ask(me, Service::Platform, PATIENCE, serve).await {
            Ok(Some(true)) => SendOutcome::Sent { platform_id: None },
            Ok(Some(false)) => SendOutcome::NotSent {
                reason: "too many requests".to_owned(),
                retry_after: Some(self.executor.millis(200, 4_000)),
            },
            Err(NoAnswer::Refused) => SendOutcome::NotSent {
                reason: "refused".to_owned(),
                retry_after: None,
            },
            Ok(None) => {
                me.sleep(PATIENCE).await;
                uncertain()
            }
            Err(NoAnswer::Silence) => uncertain(),
        }
    }

    fn put_on_show(&self, channel: Channel, delivery: &Delivery) {
        let known = self.shown.borrow_mut().insert(delivery.id, 1).is_some();
        if channel == Channel::Hook && known {
            return;
        }
        self.history.record(Event::Shown {
            chat: delivery.chat.clone(),
            outbox: delivery.id,
            text: delivery.text.clone(),
        });
    }

    fn draw_mood(&self) -> Mood {
        let chances = self.network.chances();
        self.executor.draw(|random| {
            if random.chance(chances.platform) {
                [Mood::ShowsInSilence, Mood::IsSilent, Mood::TooMany][random.below(3)]
            } else {
                Mood::Shows
            }
        })
    }
}

fn uncertain() -> SendOutcome {
    SendOutcome::Uncertain {
        reason: "no answer".to_owned(),
    }
}
