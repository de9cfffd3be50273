//! What to do with due instants that nobody fired in time.

use serde::{Deserialize, Serialize};

/// Misfire policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// Fire the latest missed one only: what a report or a reminder wants.
    #[default]
    One,
    /// Fire each missed one, oldest first.
    All,
    /// Fire none that is late: what makes sense only at its time.
    Skip,
}

impl Misfire {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
            Self::Skip => "skip",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::One, Self::All, Self::Skip]
            .into_iter()
            .find(|policy| policy.as_str() == word)
    }
}
