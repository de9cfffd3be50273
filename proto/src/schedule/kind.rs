//! The three kinds of schedule, by the words NanoClaw uses (MCP-02).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kind of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// The value is a cron line.
    Cron,
    /// The value is a number of milliseconds.
    Interval,
    /// The value is a local time or an instant.
    Once,
}

impl ScheduleKind {
    /// The word in files, requests and rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Interval => "interval",
            Self::Once => "once",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Cron, Self::Interval, Self::Once]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ScheduleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
