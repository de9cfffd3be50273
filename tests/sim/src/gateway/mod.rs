//! The gateway's shells: intake, the way into the log, the indexer, the accounts and what is sent for them.

mod delivery;
mod indexer;
mod ingress;
mod intake;
mod reader;

use std::rc::Rc;

use proto::lease::holding::LeaseName;
use tokio::sync::{oneshot, watch};

use crate::exec::Process;
use crate::holder::Holder;
use crate::network::Rows;
use crate::platform::{ACCOUNT, Channel, Post};
use crate::world::World;
use ingress::Ingress;

/// One life of a gateway.
pub(crate) struct Gateway {
    pub(crate) world: Rc<World>,
    pub(crate) me: Process,
    pub(crate) rows: Rows,
    ingress: Rc<Ingress>,
    accounts: Vec<(Channel, Rc<Holder>)>,
    stopping: watch::Sender<bool>,
}

impl Gateway {
    pub(crate) fn start(world: &Rc<World>, me: &Process) -> Rc<Self> {
        let account = |channel: Channel| LeaseName::Account {
            channel: channel.name().to_owned(),
            account: ACCOUNT.to_owned(),
        };
        let holders = Channel::ALL.map(|channel| (channel, Holder::new(world, me, account(channel))));
        let gateway = Rc::new(Self {
            world: Rc::clone(world),
            me: me.clone(),
            rows: world.database.rows_for(me),
            ingress: Ingress::new(world, me),
            accounts: holders.to_vec(),
            stopping: watch::Sender::new(false),
        });
        me.spawn(indexer::run(Rc::clone(&gateway)));
        for (channel, holder) in &gateway.accounts {
            me.spawn(Rc::clone(holder).run());
            me.spawn(delivery::run(Rc::clone(&gateway), *channel, Rc::clone(holder)));
        }
        for (_, holder) in gateway.accounts.iter().filter(|(channel, _)| *channel == Channel::Sock) {
            me.spawn(reader::run(Rc::clone(&gateway), Rc::clone(holder)));
        }
        gateway
    }

    /// A webhook: answers whether the event was taken; no answer if the process ends before.
    pub(crate) fn receive(self: &Rc<Self>, post: Post) -> oneshot::Receiver<bool> {
        let (answer, answered) = oneshot::channel();
        let gateway = Rc::clone(self);
        self.me.spawn(async move {
            let taken = intake::take_in_time(&gateway, &post).await;
            let _ = answer.send(taken);
        });
        answered
    }

    /// Stops as in a rolling upgrade: takes nothing more, ends what is under way, gives the accounts up, and goes.
    pub(crate) async fn drain(self: Rc<Self>) {
        self.stopping.send_replace(true);
        self.me.sleep(std::time::Duration::from_secs(3)).await;
        for (_, holder) in &self.accounts {
            holder.give_up().await;
        }
        self.me.kill();
    }
}
