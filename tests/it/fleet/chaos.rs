//! A load, and everything that can happen to services and links while it lasts. The long version is `script/bench chaos`.

use std::time::Duration;

use tests::fleet::{Chaos, Load};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_out_of_order_whatever_is_killed_cut_or_frozen() {
    let load = Load {
        rate: 40.0,
        rooms: 40,
        lasts: Duration::from_secs(60),
        early_every: 7,
    };
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    Chaos::new(load, seed).run().await;
}
