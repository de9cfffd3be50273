//! How soon a group goes on whose runner was killed in the middle of a turn.

use std::time::{Duration, Instant};

use tests::fleet::{Fleet, Tables};

use crate::report::Measurement;

/// Kills of a runner that comes back at once, and of one that stays away.
const IN_PLACE: usize = 10;
const ELSEWHERE: usize = 5;

/// From the kill until the model hears of the same message again.
pub(crate) async fn failover() -> Vec<Measurement> {
    let mut fleet = Fleet::builder()
        .services(1, 1, 2)
        .rooms(1)
        .durable()
        .direct()
        .start()
        .await;
    fleet.ask(0).await;
    let mut in_place = Vec::new();
    for _ in 0..IN_PLACE {
        in_place.push(kill(&mut fleet, true).await);
    }
    let mut elsewhere = Vec::new();
    for _ in 0..ELSEWHERE {
        elsewhere.push(kill(&mut fleet, false).await);
    }
    vec![
        Measurement::of_durations(
            "failover-in-place",
            &in_place,
            "runner killed in a turn and started again at once, until its agent calls the model",
        ),
        Measurement::of_durations(
            "failover",
            &elsewhere,
            "runner killed in a turn and gone, until another's agent calls the model",
        ),
    ]
}

async fn kill(fleet: &mut Fleet, comes_back: bool) -> Duration {
    fleet.model.thinks(Duration::from_secs(120));
    let number = fleet.platform.say(0, "").await;
    fleet
        .until("the turn to begin", async || {
            fleet.model.calls().iter().any(|call| call.numbers.contains(&number))
        })
        .await;
    let owner = Tables::connect(fleet)
        .await
        .text("SELECT owner FROM groups WHERE id = 'room-0'")
        .await;
    let busy: usize = owner.unwrap().rsplit('-').next().unwrap().parse().unwrap();
    fleet.model.thinks(Duration::ZERO);
    let calls = fleet.model.calls().len();
    fleet.runners[busy].kill();
    let killed = Instant::now();
    if comes_back {
        fleet.runners[busy].start();
    }
    fleet
        .until("the turn to begin again", async || fleet.model.calls().len() > calls)
        .await;
    let took = killed.elapsed();
    fleet
        .until("the answer", async || fleet.platform.is_answered(number))
        .await;
    if !comes_back {
        fleet.runners[busy].start();
        fleet.ready().await;
    }
    took
}
