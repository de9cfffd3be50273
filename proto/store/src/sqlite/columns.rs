//! Columns to `proto` types and back. A value that cannot be read is reported with its column, never guessed.

use std::str::FromStr;

use proto::time::Timestamp;
use proto::trace::TraceContext;
use rusqlite::types::Type;
use rusqlite::{Error, Row};
use serde::de::DeserializeOwned;

/// A text column as a type that is written as text.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(row, column, error))
}

/// A text column that may be NULL.
pub(super) fn parsed_option<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(row, column, error)))
        .transpose()
}

/// A text column that holds one of a closed set of words.
pub(super) fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| unreadable_word(row, column, text))
}

/// The error of a column that holds a word it should not.
pub(super) fn unreadable_word(row: &Row<'_>, column: &str, word: String) -> Error {
    unreadable(row, column, UnknownWord(word))
}

/// A column that may hold a trace context. One that cannot be read is none: no message waits for want of its trace.
pub(super) fn trace(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<TraceContext>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| TraceContext::parse(&text).ok()))
}

/// A text column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(row, column, error))
}

/// A text column that may hold JSON.
pub(super) fn json_option<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| unreadable(row, column, error)))
        .transpose()
}

/// A column that may hold a time.
pub(super) fn time_option(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A column that holds a time.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A count for a column: SQLite's integers are signed, and nothing counted here comes near their end.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a column.
pub(super) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0))
}

#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
struct UnknownWord(String);

/// The error of a column whose value makes no sense.
pub(super) fn unreadable(row: &Row<'_>, column: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
