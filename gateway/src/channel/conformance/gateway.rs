//! One gateway's part in an account: its hold on the lease, its deliveries, its feed and its routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use store::keeper::{Keeper, Takeover};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Heard, Rig, Subject};
use crate::channel::{Channel, Inbound};
use crate::delivery::{DeliveryLoop, Lease};
use crate::health::{Health, Receiving};
use crate::receiving::{self, Receiver};
use crate::world::{SOON, World};

/// How far the clock moves between two passes of delivery: below a heartbeat, so that the hold stays trusted.
const STEP: Duration = Duration::from_millis(500);
/// Passes until everything must have been decided: more than the longest back-off of a few failures.
const PASSES_MAX: u32 = 4_000;

/// A gateway. Dropping it kills it.
pub(crate) struct Gateway {
    pub(crate) keeper: Keeper,
    pub(crate) health: Arc<Health>,
    pub(crate) delivery: DeliveryLoop,
    channel: Arc<dyn Channel>,
    inbound: Inbound,
    receiver: Option<Receiver>,
    tasks: JoinSet<()>,
}

impl Gateway {
    /// Takes part from now on; `heard` is where its events go.
    pub(crate) async fn join(world: &World, heard: &Arc<Heard>, channel: Arc<dyn Channel>, name: &str) -> Self {
        let account = LeaseName::Account {
            channel: channel.name().to_owned(),
            account: channel.account().to_owned(),
        };
        let clock = world.clock.clone();
        let holder = name.to_owned();
        let mut keeper = Keeper::new(
            world.store.clone(),
            account,
            holder,
            LeaseTimings::FAST,
            clock,
            || 0.5,
            Takeover::Observe,
        );
        keeper.tick().await.unwrap();
        let health = world.health();
        let inbound = Inbound::new(Arc::new(world.intake_through(heard.clone())), Arc::clone(&channel));
        let receiver = Receiver {
            channel: Arc::clone(&channel),
            inbound: inbound.clone(),
            lease: Lease::of(&keeper),
            store: world.store.clone(),
            health: Arc::clone(&health),
            clock: world.clock.clone(),
            random: || 0.0,
            metrics: world.metrics(),
        };
        Self {
            delivery: DeliveryLoop::new(
                Arc::clone(&channel),
                Lease::of(&keeper),
                world.tools(),
                Arc::clone(&health),
            ),
            keeper,
            health,
            channel,
            inbound,
            receiver: Some(receiver),
            tasks: JoinSet::new(),
        }
    }

    /// Reads the feed and serves the routes from now on, below the address that is returned.
    pub(crate) async fn receive(&mut self) -> String {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        self.receive_on(listener).await
    }

    /// As [`Gateway::receive`], and the platform calls it from now on.
    pub(crate) async fn listen<S: Subject>(&mut self, rig: &Rig<S>) {
        let base = self.receive().await;
        rig.subject.listen(&base).await;
    }

    /// As [`Gateway::receive`], with the routes on this socket.
    pub(crate) async fn receive_on(&mut self, listener: TcpListener) -> String {
        let receiver = self.receiver.take().expect("it receives once");
        self.tasks.spawn(receiving::run(receiver, CancellationToken::new()));
        let address = listener.local_addr().unwrap();
        let routes = Arc::clone(&self.channel).routes(self.inbound.clone());
        self.tasks
            .spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }

    /// Waits until the account is in a state.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Receiving) -> bool) {
        let waited = async {
            while !holds(&self.health.report().receiving) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(SOON, waited).await.is_err() {
            panic!("not {what}: {:?}", self.health.report());
        }
    }

    pub(crate) async fn until_live(&self) {
        self.until("live", |receiving| *receiving == Receiving::Live).await;
    }

    /// Becomes the holder once the holder before it has been silent for long enough.
    pub(crate) async fn take_over<S: Subject>(&mut self, rig: &Rig<S>) {
        for _ in 0..PASSES_MAX {
            self.keeper.tick().await.unwrap();
            if self.keeper.held().borrow().is_some() {
                return;
            }
            rig.world.clock.advance(STEP);
        }
        panic!("the account was not taken over");
    }

    /// One pass of delivery, to its end; then the clock moves.
    pub(crate) async fn pass<S: Subject>(&mut self, rig: &Rig<S>) {
        self.keeper.tick().await.unwrap();
        self.delivery.tick(rig.now()).await.unwrap();
        let Self { keeper, delivery, .. } = self;
        if S::TRAITS.receipts {
            tokio::select! {
                () = delivery.settle() => {}
                () = wait_for_receipts(keeper, rig) => {}
            }
        } else {
            delivery.settle().await;
        }
        rig.world.clock.advance(STEP);
    }

    /// Delivers until nothing of these chats waits any more.
    pub(crate) async fn deliver<S: Subject>(&mut self, rig: &Rig<S>, chats: &[proto::ids::ChatId]) {
        for _ in 0..PASSES_MAX {
            self.pass(rig).await;
            let mut settled = true;
            for chat in chats {
                settled &= rig.is_settled(chat).await;
            }
            if settled {
                return;
            }
        }
        panic!("something is still waiting: {:?}", self.health.report());
    }
}

/// Lets time pass for who waits for receipts, once there are none under way. Goes on for ever.
async fn wait_for_receipts<S: Subject>(keeper: &mut Keeper, rig: &Rig<S>) {
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if rig.subject.has_told() {
            rig.world.clock.advance(STEP);
            keeper.tick().await.unwrap();
        }
    }
}
