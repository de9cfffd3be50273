//! Every promise is kept on any seed; a failing one is printed with its story, and is kept below once its defect is fixed.

use sim::{Faults, Plan, Report, replay, run};

/// Seeds of the gate that are the same every time.
const FIXED: u64 = 40;
/// Seeds of the gate that nobody has seen yet; `SIM_RUNS` asks for another number.
const FRESH: u64 = 20;

fn check(plan: &Plan) -> Report {
    let report = run(plan);
    assert!(report.is_clean(), "{}", replay(plan));
    report
}

#[test]
fn a_calm_fleet_keeps_every_promise() {
    for seed in 0..5 {
        check(&Plan::usual(seed).with_faults(Faults::NONE));
    }
}

#[test]
fn every_promise_is_kept_on_the_fixed_seeds() {
    for seed in 0..FIXED {
        check(&Plan::usual(seed));
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "seeds that nobody has seen come from the clock, and are printed"
)]
fn every_promise_is_kept_on_fresh_seeds() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let first = now.unwrap().as_secs();
    let runs = number("SIM_RUNS").unwrap_or(FRESH);
    println!("seeds {first} to {}", first + runs);
    for seed in first..first + runs {
        check(&Plan::usual(seed));
    }
}

/// A call of `begin_turn` was held up in the network until after its turn was committed, and opened that turn again.
#[test]
fn a_turn_that_was_committed_is_not_begun_again_by_a_late_call() {
    check(&Plan::messages_only(146));
}

/// `SIM_SEED=7 cargo nextest run -p sim replay --no-capture` tells the whole story of a seed.
#[test]
fn replay_of_the_seed_in_the_environment() {
    if let Some(seed) = number("SIM_SEED") {
        let report = replay(&Plan::usual(seed));
        println!("{}\n{report}", report.story(usize::MAX));
        assert!(report.is_clean(), "seed {seed} breaks a promise");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
