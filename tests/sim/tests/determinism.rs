//! A seed is a run: the same history each time.

use sim::{Plan, run};

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..5 {
        let (first, second) = (run(&Plan::usual(seed)), run(&Plan::usual(seed)));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
        assert!(
            first.accepted > 10,
            "seed {seed} shows nothing: {} messages",
            first.accepted
        );
    }
    let hashes: std::collections::BTreeSet<u64> = (0..5).map(|seed| run(&Plan::usual(seed)).hash).collect();
    assert_eq!(hashes.len(), 5, "seeds are runs of their own");
}
