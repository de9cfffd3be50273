//! What is wrong with a configuration, in words that say where to look.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: a file with line, or a variable.
    pub place: String,
    /// Dotted key of the setting, when it is about one.
    pub key: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// All that is wrong, in the order in which it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem with a setting.
    pub(super) fn with_key(place: impl fmt::Display, key: &[String], reason: impl Into<String>) -> Self {
        let key = Some(dotted(key)).filter(|key| !key.is_empty());
        Self {
            place: place.to_string(),
            key,
            reason: reason.into(),
        }
    }

    /// A problem with a place as a whole.
    pub(super) fn at(place: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::with_key(place, &[], reason)
    }
}

/// A path as the key that is written in the file: parts that need quotes have them.
pub(super) fn dotted(path: &[String]) -> String {
    path.iter().map(|part| key(part)).collect::<Vec<_>>().join(".")
}

/// One part of a key, quoted if it must be.
fn key(part: &str) -> String {
    let bare = !part.is_empty()
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare {
        part.to_owned()
    } else {
        toml::Value::from(part).to_string()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.place, self.reason),
            None => write!(f, "{}: {}", self.place, self.reason),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is refused")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}
