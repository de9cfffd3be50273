//! One account of a channel at this gateway: it keeps the account's lease, and delivers and receives for as long as it holds
//! it.

use std::sync::Arc;

use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use service::readiness::Condition;
use store::keeper::{Keeper, Takeover};
use tokio_util::sync::CancellationToken;

use super::{DeliveryLoop, Lease, Tools};
use crate::channel::{Channel, Inbound};
use crate::directory::Directory;
use crate::health::Health;
use crate::receiving::{self, Notices, Receiver};
use crate::typing::Typing;

/// How this gateway competes with others for accounts.
#[derive(Clone, Debug)]
pub struct Candidacy {
    /// Under which name it holds them: unique to this life of the process.
    pub holder: String,
    /// The spans of the leases; the same at all gateways.
    pub timings: LeaseTimings,
    /// How an account is taken over that somebody seems to hold.
    pub takeover: Takeover,
}

/// One account and what serves it.
pub struct Account {
    /// The account.
    pub channel: Arc<dyn Channel>,
    /// How this gateway competes for it.
    pub candidacy: Candidacy,
    /// What delivers.
    pub tools: Tools,
    /// The way in.
    pub inbound: Inbound,
    /// Which chats are its own.
    pub directory: Arc<Directory>,
    /// How it is.
    pub health: Arc<Health>,
    /// Who is told of it.
    pub notices: Notices,
    /// Whether its lease can be kept and its outbox read.
    pub ready: Condition,
}

impl Account {
    /// Serves it until told to stop. Nothing more is received once `soft_stop` is cancelled; what was committed up to
    /// `hard_stop` still leaves, and then the lease is given up.
    pub async fn serve(self, soft_stop: CancellationToken, hard_stop: CancellationToken) {
        let name = LeaseName::Account {
            channel: self.channel.name().to_owned(),
            account: self.channel.account().to_owned(),
        };
        let tools = self.tools;
        let keeper = Keeper::new(
            Arc::clone(&tools.store),
            name,
            self.candidacy.holder,
            self.candidacy.timings,
            Arc::clone(&tools.clock),
            tools.random,
            self.candidacy.takeover,
        );
        let receiver = Receiver {
            channel: Arc::clone(&self.channel),
            inbound: self.inbound,
            lease: Lease::of(&keeper),
            store: Arc::clone(&tools.store),
            health: Arc::clone(&self.health),
            clock: Arc::clone(&tools.clock),
            random: tools.random,
            metrics: tools.metrics.clone(),
        };
        let typing = Typing {
            channel: Arc::clone(&self.channel),
            lease: Lease::of(&keeper),
            directory: self.directory,
            hints: Arc::clone(&tools.hints),
            clock: Arc::clone(&tools.clock),
        };
        let delivery = DeliveryLoop::new(self.channel, Lease::of(&keeper), tools, Arc::clone(&self.health));
        let ended = CancellationToken::new();
        let delivering = async {
            delivery.run(self.ready, hard_stop.clone()).await;
            ended.cancel();
        };
        tokio::join!(
            keeper.run(ended.cancelled()),
            delivering,
            receiving::run(receiver, soft_stop),
            typing.run(hard_stop.clone()),
            self.notices.run(&self.health, hard_stop.clone()),
        );
    }
}
