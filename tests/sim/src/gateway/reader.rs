//! Reads the events of the account this gateway holds, and confirms them once the log has them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use proto::ids::GroupId;
use proto::inbound::Envelope;

use super::{Gateway, intake};
use crate::fences::Fence;
use crate::holder::Holder;
use crate::network::Mailbox;

/// Between two looks at an account that has nothing new.
const LOOK: Duration = Duration::from_millis(500);

/// Reads for as long as the gateway lives and holds the account.
pub(super) async fn run(gateway: Rc<Gateway>, holder: Rc<Holder>) {
    let mut held = holder.watch();
    loop {
        if held.wait_for(Option::is_some).await.is_err() {
            return;
        }
        let mut lost = holder.watch();
        tokio::select! {
            biased;
            _ = lost.wait_for(Option::is_none) => {}
            () = read(&gateway) => {}
        }
    }
}

/// One connection to the platform.
struct Connection {
    gateway: Rc<Gateway>,
    /// Positions that the log has.
    taken: Rc<RefCell<BTreeSet<usize>>>,
    lanes: BTreeMap<GroupId, Mailbox<(usize, Envelope)>>,
}

/// From what was confirmed on, in order, several groups side by side.
async fn read(gateway: &Rc<Gateway>) {
    let mut connection = Connection {
        gateway: Rc::clone(gateway),
        taken: Rc::default(),
        lanes: BTreeMap::new(),
    };
    let (platform, me) = (&gateway.world.platform, &gateway.me);
    let (mut next, mut confirmed) = (None, 0);
    loop {
        if let Ok((from, posts)) = platform.read(me, next).await {
            if next.is_none() {
                confirmed = from;
            }
            next = Some(from + posts.len());
            for (offset, post) in posts.iter().enumerate() {
                let envelope = loop {
                    match intake::decide(gateway, post).await {
                        Some(envelope) => break envelope,
                        None => me.sleep(LOOK).await,
                    }
                };
                connection.take(from + offset, envelope);
            }
            while connection.taken.borrow_mut().remove(&confirmed) {
                confirmed += 1;
            }
            let _ = platform.confirm(me, confirmed).await;
        }
        me.sleep(LOOK).await;
    }
}

impl Connection {
    /// Hands an event to the lane of its group, where one after another is published.
    fn take(&mut self, position: usize, envelope: Envelope) {
        let (gateway, taken) = (Rc::clone(&self.gateway), Rc::clone(&self.taken));
        let me = gateway.me.clone();
        if !gateway.world.stands(Fence::OnePublishPerGroup) {
            me.spawn(async move {
                gateway.ingress.accept(envelope).await;
                taken.borrow_mut().insert(position);
            });
            return;
        }
        let lane = self.lanes.entry(envelope.group.clone()).or_insert_with(|| {
            let lane: Mailbox<(usize, Envelope)> = Mailbox::default();
            let work = lane.clone();
            me.spawn(async move {
                loop {
                    let (position, envelope) = work.next().await;
                    gateway.ingress.accept(envelope).await;
                    taken.borrow_mut().insert(position);
                }
            });
            lane
        });
        lane.put((position, envelope));
    }
}
