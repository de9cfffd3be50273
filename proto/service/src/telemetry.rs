//! The log: text for people or JSON for machines, always on standard error.

use std::io::IsTerminal;

use serde::{Deserialize, Deserializer, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Words for how much is logged.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Settings of the log, section `log`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged (P-07).
    pub level: Level,
    /// How it is written.
    pub format: Format,
}

/// What is logged: a level, and optionally other levels for parts: `info,runner=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Level(String);

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log of this process.
///
/// # Errors
/// When it was started before.
pub fn init(log: &Log) -> Result<(), TryInitError> {
    // File notification reports every watch that ended with its directory, which is how each run ends; the engine client
    // logs whole answers, which no log of ours may hold.
    let filter = EnvFilter::new(format!("{},notify=error,bollard=warn,hyper_util=warn", log.level.0));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
        Format::Json => builder.json().flatten_event(true).finish().try_init(),
    }
}

impl Level {
    /// Reads a level. `fatal` and `silent`, which NanoClaw's logger knows, are `error` and `off`.
    ///
    /// # Errors
    /// What is wrong with it. (The filter itself would take any word for the name of a part and log all of it.)
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<String>, String> = text.split(',').map(|part| parse_part(part.trim())).collect();
        Ok(Self(parts?.join(",")))
    }

    /// The level as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse_part(part: &str) -> Result<String, String> {
    let (target, level) = part
        .split_once('=')
        .map_or((None, part), |(target, level)| (Some(target), level));
    let level = match level.to_ascii_lowercase().as_str() {
        "fatal" => "error".to_owned(),
        "silent" => "off".to_owned(),
        known if LEVELS.contains(&known) => known.to_owned(),
        _ => return Err(format!("{level:?} is not a level; use one of {}", LEVELS.join(", "))),
    };
    match target {
        None => Ok(level),
        Some(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') => {
            Ok(format!("{name}={level}"))
        }
        Some(name) => Err(format!("{name:?} is not the name of a part")),
    }
}

impl Default for Level {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_07_levels_are_words_and_may_differ_by_part() {
        for (text, level) in [
            ("Info", "info"),
            ("silent", "off"),
            ("warn, runner::proxy=debug", "warn,runner::proxy=debug"),
        ] {
            assert_eq!(Level::parse(text).unwrap().as_str(), level);
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in ["verbose", "", "info,runner=loud", "=debug", "info,[span]=debug"] {
            assert!(Level::parse(text).is_err(), "{text:?}");
        }
    }
}
