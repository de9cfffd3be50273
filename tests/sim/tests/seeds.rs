//! Every promise is kept on any seed; a failing one is printed with its story, and is kept below once its defect is fixed.

use std::time::Duration;

use sim::{Chances, Faults, Plan, Report, replay, run};

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

/// What an interrupted attempt had said was said again; the answer was lost, and the same call made it a new reply.
#[test]
fn a_reply_said_again_is_not_said_twice_when_its_call_is_repeated() {
    check(&Plan::usual(22).with_faults(with_late_requests(Faults::EVERYTHING)));
}

/// A heartbeat that got no answer hid for seconds that the trust had ended, and the sandboxes ran on.
#[test]
fn a_heartbeat_without_an_answer_does_not_keep_sandboxes_running() {
    let faults = Faults {
        every: Duration::from_secs(4),
        crash: 8,
        pause: 2,
        cut: 2,
        outage: 0,
        wall_clock: 0,
        log: 0,
        ..Faults::EVERYTHING
    };
    check(&Plan::messages_only(45).with_faults(with_late_requests(faults)));
}

fn with_late_requests(faults: Faults) -> Faults {
    Faults {
        chances: Chances {
            late_request: 0.05,
            ..faults.chances
        },
        ..faults
    }
}

#[test]
fn every_promise_is_kept_when_requests_are_late() {
    for seed in 0..FIXED / 2 {
        check(&Plan::usual(seed).with_faults(with_late_requests(Faults::EVERYTHING)));
    }
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
