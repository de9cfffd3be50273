//! A setting that must never be shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is shown instead.
const HIDDEN: &str = "***";

/// A text that is shown as `***` wherever it is printed, and wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl PartialEq for Secret {
    /// For configurations in tests; where an attacker can measure it, compare in constant time instead.
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Takes a text; whatever else comes is refused without being quoted, as serde's own messages would do.
struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        if text.is_empty() {
            return Err(E::custom("must not be empty"));
        }
        Ok(Secret::new(text))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom("expected a text in quotes, found a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom("expected a text in quotes, found a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
        Err(E::custom("expected a text in quotes, found a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Holder {
        key: Secret,
    }

    #[test]
    fn a_secret_is_never_printed_or_written() {
        let holder: Holder = toml::from_str("key = 'sk-ant-1'").unwrap();
        assert_eq!(holder.key.expose(), "sk-ant-1");
        assert_eq!(format!("{holder:?}"), "Holder { key: *** }");
        assert_eq!(toml::to_string(&holder).unwrap(), "key = \"***\"\n");
    }

    #[test]
    fn a_refused_secret_is_not_quoted() {
        for text in ["123456789", "1234.56789", "''"] {
            let value: toml::Value = toml::from_str::<toml::Table>(&format!("key = {text}")).unwrap().into();
            let error = Holder::deserialize(value).unwrap_err().to_string();
            assert!(!error.contains("1234"), "{error}");
        }
    }
}
