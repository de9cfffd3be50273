//! Every promise is kept on any seed; a failing one is printed with its story, and is kept below once its defect is fixed.

use sim::{Faults, Plan, Report, replay, run};

/// Seeds of the gate, the same every time.
const FIXED: u64 = 60;

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
    let broken: Vec<String> = (0..number("SIM_RUNS").unwrap_or(FIXED))
        .filter_map(|seed| {
            let report = run(&Plan::usual(seed));
            (!report.is_clean()).then(|| format!("{seed}: {:?}", report.violations))
        })
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// `SIM_SEED=7 cargo test -p sim replay -- --nocapture` tells the story of a seed.
#[test]
fn replay_of_the_seed_in_the_environment() {
    if let Some(seed) = number("SIM_SEED") {
        let report = replay(&Plan::usual(seed));
        println!("{}\n{report}", report.story(usize::MAX));
        assert!(report.is_clean());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
