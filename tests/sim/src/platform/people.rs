//! People write, and the platform offers what they wrote until somebody takes it.

use std::rc::Rc;
use std::time::Duration;

use proto::ids::GroupId;

use super::{Channel, MANNERS, Platform, Post, chat_of};
use crate::exec::Process;
use crate::fleet::Fleet;
use crate::network::Mailbox;

/// How long the platform waits for a webhook's answer.
const HOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Lets people write in every chat for as long as the storm lasts.
pub(crate) fn let_people_write(fleet: &Rc<Fleet>, me: &Process, groups: &[GroupId]) {
    for group in groups {
        for channel in Channel::ALL {
            let offers = Mailbox::default();
            if channel == Channel::Hook {
                me.spawn(offer(Rc::clone(fleet), me.clone(), offers.clone()));
            }
            me.spawn(write(Rc::clone(fleet), me.clone(), channel, group.clone(), offers));
        }
    }
}

async fn write(fleet: Rc<Fleet>, me: Process, channel: Channel, group: GroupId, offers: Mailbox<Post>) {
    let executor = me.executor().clone();
    let platform = Rc::clone(&fleet.world.platform);
    while executor.now() < fleet.world.plan.storm {
        // Bursts, so that there are follow-ups and full batches, and pauses, so that sandboxes become idle.
        let pause = if executor.chance(0.5) {
            executor.millis(20, 1_500)
        } else {
            executor.millis(3_000, 25_000)
        };
        me.sleep(pause).await;
        let post = platform.post(channel, &group, &draw_text(&fleet));
        match channel {
            Channel::Hook => offers.put(post),
            Channel::Sock => platform.stream.borrow_mut().push(post),
        }
    }
}

fn draw_text(fleet: &Fleet) -> String {
    let (manner, number) = fleet.world.executor.draw(|random| {
        let manner = match random.below(40) {
            0..16 => 0,
            16..24 => 1,
            24..28 => 2,
            28 => 3,
            29..34 => 4,
            _ => 5,
        };
        (MANNERS[manner], random.below(1_000))
    });
    let trigger = if manner == "chatter" { "" } else { "@Andy " };
    format!("{trigger}{manner} {number}")
}

/// Offers the events of one chat one after another: the next only when the one before was taken.
async fn offer(fleet: Rc<Fleet>, me: Process, offers: Mailbox<Post>) {
    loop {
        let post = offers.next().await;
        while !push(&fleet, &me, &post).await {
            me.sleep(me.executor().millis(300, 3_000)).await;
        }
        fleet.world.platform.note_taken(&post);
        if me.executor().chance(fleet.world.network.chances().event_again) {
            let (fleet, me) = (Rc::clone(&fleet), me.clone());
            me.clone().spawn(async move {
                me.sleep(me.executor().millis(0, 20_000)).await;
                push(&fleet, &me, &post).await;
            });
        }
    }
}

/// Pushes an event to one of the gateways; says whether it was taken.
async fn push(fleet: &Rc<Fleet>, me: &Process, post: &Post) -> bool {
    let Some(gateway) = fleet.draw_gateway() else {
        return false;
    };
    let answer = gateway.receive(post.clone());
    tokio::select! {
        biased;
        answer = answer => answer.unwrap_or(false),
        () = me.sleep(HOOK_PATIENCE) => false,
    }
}

impl Platform {
    fn post(&self, channel: Channel, group: &GroupId, text: &str) -> Post {
        let number = self.next.get() + 1;
        self.next.set(number);
        let chat = chat_of(channel, group);
        self.history
            .note(Some(group), format_args!("people: {number} in {chat}: {text}"));
        Post {
            number,
            channel,
            group: group.clone(),
            chat,
            text: text.to_owned(),
        }
    }
}
