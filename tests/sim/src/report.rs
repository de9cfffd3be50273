//! What became of a run, and how to tell it.

use std::fmt;
use std::time::Duration;

use crate::check::Violation;
use crate::history::Note;

/// Lines shown of the story of the group whose promise was broken.
const LINES: usize = 120;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed it was made from.
    pub seed: u64,
    /// Broken promises; none if all is well.
    pub violations: Vec<Violation>,
    /// The same for the same history.
    pub hash: u64,
    /// Messages that people wrote and that were taken.
    pub accepted: usize,
    /// Simulated time.
    pub lasted: Duration,
    /// Steps of actors.
    pub steps: u64,
    pub(crate) notes: Vec<Note>,
}

impl Report {
    /// Whether all promises were kept.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The last `lines` of what concerns the group whose promise was broken, or everybody.
    pub fn story(&self, lines: usize) -> String {
        let guilty = self.violations.iter().find_map(|violation| violation.group.as_ref());
        let concerns = |note: &&Note| guilty.is_none() || note.group.is_none() || note.group.as_ref() == guilty;
        let told: Vec<_> = self.notes.iter().filter(concerns).collect();
        let end = told.iter().skip(told.len().saturating_sub(lines));
        end.map(|note| format!("  {:10.3} {}\n", note.at.as_secs_f64(), note.text))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, broken) = (self.seed, self.violations.len());
        writeln!(f, "seed {seed}: {broken} promises broken (SIM_SEED={seed} replays it)")?;
        for violation in &self.violations {
            let group = violation.group.as_ref().map(|group| format!(" of {group}"));
            writeln!(
                f,
                "  {}{}: {}",
                violation.promise,
                group.unwrap_or_default(),
                violation.seen
            )?;
        }
        f.write_str(&self.story(LINES))
    }
}
