//! Ranges and forms of settings, checked while they are read:
//! `#[serde(deserialize_with = "range::within::<1, 1000, _, _>")]`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Longest time-out that is accepted: 31 days, in milliseconds. Whoever asks for more has mistaken the unit.
pub const MILLIS_MAX: i64 = 31 * 24 * 60 * 60 * 1000;

/// Reads a whole number from `MIN` to `MAX`, both included.
///
/// # Errors
/// When it is not one.
pub fn within<'de, const MIN: i64, const MAX: i64, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<i64>,
    D: Deserializer<'de>,
{
    let number = i64::deserialize(deserializer)?;
    let in_range = Some(number).filter(|number| (MIN..=MAX).contains(number));
    in_range
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| D::Error::custom(format!("{number} is not from {MIN} to {MAX}")))
}

/// Reads a whole number from `MIN` to `MAX`, both included, for a setting that may be absent.
///
/// # Errors
/// When it is not one.
pub fn within_if_set<'de, const MIN: i64, const MAX: i64, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: TryFrom<i64>,
    D: Deserializer<'de>,
{
    within::<MIN, MAX, T, D>(deserializer).map(Some)
}

/// Reads a number above zero, at most `MAX`, into an `f64` or an `Option<f64>`.
///
/// # Errors
/// When it is not one.
pub fn above_zero<'de, const MAX: i32, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: From<f64>,
    D: Deserializer<'de>,
{
    let number = f64::deserialize(deserializer)?;
    if number > 0.0 && number <= f64::from(MAX) {
        Ok(T::from(number))
    } else {
        Err(D::Error::custom(format!("{number} is not above 0 and at most {MAX}")))
    }
}

/// Reads an `http://` or `https://` address into a `String` or an `Option<String>`.
///
/// # Errors
/// When it is not one.
pub fn http_url<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: From<String>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host)
            if host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                && !host.contains(char::is_whitespace) =>
        {
            Ok(T::from(text))
        }
        _ => Err(D::Error::custom("is not an http:// or https:// address")),
    }
}

/// Reads a text that is not empty into a `String`, an `Option<String>` or a path.
///
/// # Errors
/// When it is empty.
pub fn not_empty<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: From<String>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("must not be empty"));
    }
    Ok(T::from(text))
}
