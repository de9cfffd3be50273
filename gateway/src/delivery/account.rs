//! One account of a channel at this gateway: it keeps the account's lease, and delivers for as long as it holds it.

use std::sync::Arc;

use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use service::readiness::Condition;
use store::keeper::{Keeper, Takeover};
use tokio_util::sync::CancellationToken;

use super::{DeliveryLoop, Lease, Tools};
use crate::channel::Channel;

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

/// Serves an account until told to stop: what was committed by then still leaves, and then the lease is given up.
///
/// What takes messages *in* for one account alone (a poller, a socket: the platform refuses a second one) starts and stops
/// with the same lease: it belongs into this join, beside the delivery, and before `ended`.
pub async fn serve(
    channel: Arc<dyn Channel>,
    candidacy: Candidacy,
    tools: Tools,
    ready: Condition,
    stop: CancellationToken,
) {
    let name = LeaseName::Account {
        channel: channel.name().to_owned(),
        account: channel.account().to_owned(),
    };
    let keeper = Keeper::new(
        Arc::clone(&tools.store),
        name,
        candidacy.holder,
        candidacy.timings,
        Arc::clone(&tools.clock),
        tools.random,
        candidacy.takeover,
    );
    let delivery = DeliveryLoop::new(channel, Lease::of(&keeper), tools);
    let ended = CancellationToken::new();
    let delivering = async {
        delivery.run(ready, stop).await;
        ended.cancel();
    };
    tokio::join!(keeper.run(ended.cancelled()), delivering);
}
