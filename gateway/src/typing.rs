//! Shows "is typing" where an agent works, for as long as it works. Best effort: hints say when, and nothing depends on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{Hint, Hints, Interest};
use proto::ids::ChatId;
use proto::time::{Clock, Monotonic};
use tokio_util::sync::CancellationToken;

use crate::channel::{Channel, TYPING_EVERY};
use crate::delivery::Lease;
use crate::directory::Directory;

/// Longest time "is typing" is shown without being told again: that the work ended may never have been heard.
const TYPING_MAX: Duration = Duration::from_secs(15 * 60);
/// Chats of an account in which it is shown at once: what a platform's limits leave room for.
const CHATS_MAX: usize = 50;

/// Who shows it, for one account.
pub(crate) struct Typing {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) lease: Lease,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hints: Arc<dyn Hints>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Typing {
    /// Shows it until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut hints = self.hints.listen(Interest::Working);
        let mut shown: HashMap<ChatId, Monotonic> = HashMap::new();
        let mut again = tokio::time::interval(TYPING_EVERY);
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                hint = hints.next() => if let Some(Hint::Working { chat, on, .. }) = hint {
                    if shown.is_empty() {
                        again.reset();
                    }
                    self.note(&mut shown, chat, on).await;
                },
                _ = again.tick(), if !shown.is_empty() => self.show_again(&mut shown).await,
            }
        }
    }

    async fn note(&self, shown: &mut HashMap<ChatId, Monotonic>, chat: ChatId, on: bool) {
        if !self.is_ours(&chat).await {
            return;
        }
        if !on {
            if shown.remove(&chat).is_some() {
                self.channel.typing(&chat, false).await;
            }
        } else if shown.len() < CHATS_MAX {
            self.channel.typing(&chat, true).await;
            shown.insert(chat, self.clock.monotonic());
        }
    }

    async fn show_again(&self, shown: &mut HashMap<ChatId, Monotonic>) {
        let now = self.clock.monotonic();
        shown.retain(|_, since| now.since(*since) < TYPING_MAX);
        if self.lease.hold(&*self.clock).is_none() {
            shown.clear();
        }
        let all = shown.keys().map(|chat| self.channel.typing(chat, true));
        futures::future::join_all(all).await;
    }

    /// Whether the chat is one of this account, and the account held here.
    async fn is_ours(&self, chat: &ChatId) -> bool {
        if self.lease.hold(&*self.clock).is_none() {
            return false;
        }
        let known = self.directory.known_chat(chat).await;
        known
            .ok()
            .flatten()
            .is_some_and(|chat| chat.channel == self.channel.name() && chat.account == self.channel.account())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{SOON, ScriptedChannel, World};
    use proto::outbound::Resend;

    #[tokio::test]
    async fn it_is_shown_in_the_chat_that_waits_and_ended_when_the_work_is() {
        let world = World::new();
        let group = world.group("g", true).await;
        let chat = world.chat("test:a", &group).await;
        let channel = ScriptedChannel::new(Resend::Never, []);
        let mut keeper = world.keeper("gateway");
        keeper.tick().await.unwrap();
        let typing = Typing {
            channel: channel.clone(),
            lease: Lease::of(&keeper),
            directory: world.directory(),
            hints: world.hints.clone(),
            clock: world.clock.clone(),
        };
        let working = |chat: &ChatId, on| Hint::Working {
            group: group.clone(),
            chat: chat.clone(),
            on,
        };
        let stop = CancellationToken::new();
        let story = async {
            let seen = |count| {
                let channel = channel.clone();
                async move {
                    while channel.typed.lock().unwrap().len() < count {
                        tokio::task::yield_now().await;
                    }
                }
            };
            tokio::task::yield_now().await;
            world.hints.publish(working(&ChatId::new("other:1"), true));
            world.hints.publish(working(&chat, true));
            seen(1).await;
            world.hints.publish(working(&chat, false));
            seen(2).await;
            stop.cancel();
        };
        let both = async { tokio::join!(typing.run(stop.clone()), story) };
        tokio::time::timeout(SOON, both).await.unwrap();
        assert_eq!(*channel.typed.lock().unwrap(), [(chat.clone(), true), (chat, false)]);
    }
}
