//! Into the log: one publish at a time for each group, repeated until the log has acknowledged it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proto::ids::GroupId;
use proto::inbound::Envelope;
use tokio::sync::Mutex;

use crate::exec::Process;
use crate::fences::Fence;
use crate::world::World;

/// Between two tries.
const WAIT: Duration = Duration::from_millis(100);

/// The way into the log for one gateway.
pub(super) struct Ingress {
    world: Rc<World>,
    me: Process,
    lanes: RefCell<BTreeMap<GroupId, Rc<Mutex<()>>>>,
}

impl Ingress {
    pub(super) fn new(world: &Rc<World>, me: &Process) -> Rc<Self> {
        Rc::new(Self {
            world: Rc::clone(world),
            me: me.clone(),
            lanes: RefCell::default(),
        })
    }

    /// Publishes until the log has it. Messages of one group keep the order in which they were given.
    pub(super) async fn accept(&self, envelope: Envelope) -> bool {
        let lane = Rc::clone(self.lanes.borrow_mut().entry(envelope.group.clone()).or_default());
        let _turn = match self.world.stands(Fence::OnePublishPerGroup) {
            true => Some(lane.lock().await),
            false => None,
        };
        while self.world.log.publish(&self.me, envelope.clone()).await.is_err() {
            self.me.sleep(WAIT).await;
        }
        true
    }
}
