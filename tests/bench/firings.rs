//! A million due instants in the simulator, while leaders are killed, stand still, are cut off and have their clocks set.

use std::time::{Duration, Instant};

use sim::{CountedFirings, count_firings};

use crate::report::Measurement;

/// Runs, each from a seed of its own: the rows in memory are all kept, and one run of all would look through them for hours.
const RUNS: u64 = 80;
/// Due instants of each.
const INSTANTS: u64 = 12_500;

/// What became of them: none may be missed, none fired twice.
pub(crate) fn sim_firings() -> Vec<Measurement> {
    let began = Instant::now();
    let mut sums = [0.0; 5];
    for seed in 1..=RUNS {
        let counted = count_firings(&CountedFirings {
            seed,
            instants: INSTANTS,
            tasks: 40,
            faults_every: Duration::from_secs(8),
            without_in_rows: Vec::new(),
        });
        assert_eq!((counted.missed, counted.twice), (0, 0), "seed {seed}: {counted:?}");
        let counts = [
            counted.due as f64,
            counted.missed as f64,
            counted.twice as f64,
            counted.deaths as f64,
            counted.terms as f64,
        ];
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let figure = |name, unit, value: f64| Measurement {
        name,
        unit,
        samples: vec![value],
        depends_on: "three simulated schedulers, one of which always acts as if it led, over the store in memory; 80 seeds",
    };
    let [due, missed, twice, deaths, terms] = sums;
    vec![
        figure("sim-firings-due", "n", due),
        figure("sim-firings-missed", "n", missed),
        figure("sim-firings-twice", "n", twice),
        figure("sim-firings-deaths", "n", deaths),
        figure("sim-firings-terms", "n", terms),
        figure("sim-firings-took", "s", began.elapsed().as_secs_f64()),
    ]
}
