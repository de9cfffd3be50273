//! A million due instants in the simulator, while leaders are killed, stand still, are cut off and have their clocks set.

use std::time::{Duration, Instant};

use sim::{CountedFirings, count_firings};

use crate::report::Measurement;

/// Due instants.
const INSTANTS: u64 = 1_000_000;
/// The seed: the same run each time.
const SEED: u64 = 1;

/// What became of them: none may be missed, none fired twice.
pub(crate) fn sim_firings() -> Vec<Measurement> {
    let began = Instant::now();
    let counted = count_firings(&CountedFirings {
        seed: SEED,
        instants: INSTANTS,
        tasks: 500,
        faults_every: Duration::from_secs(8),
        without_in_rows: Vec::new(),
    });
    assert_eq!((counted.missed, counted.twice), (0, 0), "{counted:?}");
    let figure = |name, unit, value: f64| Measurement {
        name,
        unit,
        samples: vec![value],
        depends_on: "three simulated schedulers, one of which always acts as if it led, over the store in memory; one seed",
    };
    vec![
        figure("sim-firings-due", "n", counted.due as f64),
        figure("sim-firings-missed", "n", counted.missed as f64),
        figure("sim-firings-twice", "n", counted.twice as f64),
        figure("sim-firings-deaths", "n", counted.deaths as f64),
        figure("sim-firings-terms", "n", counted.terms as f64),
        figure("sim-firings-took", "s", began.elapsed().as_secs_f64()),
    ]
}
