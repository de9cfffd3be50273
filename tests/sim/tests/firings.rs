//! Every due instant is fired once and done once, however often leaders change; `script/bench sim-firings` counts a million.

use std::time::Duration;

use sim::{CountedFirings, count_firings};
use store::memory::Switch;

/// Due instants counted in the gate.
const INSTANTS: u64 = 12_000;

fn asked(seed: u64) -> CountedFirings {
    CountedFirings {
        seed,
        instants: INSTANTS,
        tasks: 40,
        faults_every: Duration::from_secs(6),
        without_in_rows: Vec::new(),
    }
}

#[test]
fn no_due_instant_is_missed_or_fired_twice_while_leaders_die() {
    let counted = count_firings(&asked(1));
    println!("{counted:?}");
    assert!(counted.due >= INSTANTS, "{counted:?}");
    assert!(
        counted.deaths > 100 && counted.terms > 10,
        "it shows nothing: {counted:?}"
    );
    assert_eq!((counted.missed, counted.twice), (0, 0), "{counted:?}");
}

/// As `script/bench` runs it.
#[tokio::test]
async fn it_counts_the_same_inside_a_runtime() {
    let few = CountedFirings {
        instants: 1_000,
        ..asked(1)
    };
    let outside = std::thread::spawn({
        let few = few.clone();
        move || count_firings(&few)
    });
    assert_eq!(count_firings(&few), outside.join().unwrap());
}

/// A decision that was overtaken sets the next due instant back, and there is nothing left to tell that it was fired.
#[test]
fn without_both_fences_of_firings_some_are_fired_twice() {
    let counted = count_firings(&CountedFirings {
        without_in_rows: vec![Switch::NextDueCompareAndSet, Switch::FiringKey],
        ..asked(1)
    });
    assert!(counted.twice > 0, "{counted:?}");
}
