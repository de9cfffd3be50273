//! Environment variables that are settings.

use toml::Value;

/// Prefix of the variables that are ours: one that nobody knows is a mistake.
pub(super) const PREFIX: &str = "CLAWHOLD_";

/// A variable and the setting it gives.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Dotted key of the setting; none for a variable that is ours without being a setting.
    pub key: Option<&'static str>,
    /// How its text is read.
    pub kind: Kind,
}

/// How the text of a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Text,
    /// A whole number.
    Integer,
    /// The path of a file that holds the value: secrets that are mounted.
    File,
}

impl Variable {
    /// A variable whose text is the value.
    pub const fn text(name: &'static str, key: &'static str) -> Self {
        Self {
            name,
            key: Some(key),
            kind: Kind::Text,
        }
    }

    /// A variable whose text is a whole number.
    pub const fn integer(name: &'static str, key: &'static str) -> Self {
        Self {
            name,
            key: Some(key),
            kind: Kind::Integer,
        }
    }

    /// A variable whose text is the path of a file with the value; its last line break is not part of it.
    pub const fn file(name: &'static str, key: &'static str) -> Self {
        Self {
            name,
            key: Some(key),
            kind: Kind::File,
        }
    }

    /// A variable that is read elsewhere.
    pub const fn elsewhere(name: &'static str) -> Self {
        Self {
            name,
            key: None,
            kind: Kind::Text,
        }
    }

    /// Reads its text. (NanoClaw took what `parseInt` made of it, which could be nothing at all: P-D1.)
    pub(super) fn parse(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Text => Ok(Value::from(text)),
            Kind::Integer => match text.trim().parse::<i64>() {
                Ok(number) => Ok(Value::from(number)),
                Err(_) => Err("is not a whole number".to_owned()),
            },
            Kind::File => match std::fs::read_to_string(text) {
                Ok(contents) => Ok(Value::from(contents.trim_end_matches(['\r', '\n']))),
                Err(error) => Err(format!("names a file that cannot be read: {error}")),
            },
        }
    }
}
