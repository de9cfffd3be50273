//! Columns to `proto` types and back. A value that cannot be read is reported with its column, never guessed.

use std::str::FromStr;

use proto::time::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::failure::{Failure, Result};

/// A column as what it is.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T> {
    Ok(row.try_get(column)?)
}

/// A text column as a type that is written as text.
pub(super) fn parsed<T: FromStr>(row: &Row, column: &str) -> Result<T> {
    get::<&str>(row, column)?.parse().map_err(|_| unreadable(column))
}

/// A text column that may be NULL.
pub(super) fn parsed_option<T: FromStr>(row: &Row, column: &str) -> Result<Option<T>> {
    get::<Option<&str>>(row, column)?
        .map(|text| text.parse().map_err(|_| unreadable(column)))
        .transpose()
}

/// A text column that holds one of a closed set of words.
pub(super) fn word<T>(row: &Row, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
    parse(get(row, column)?).ok_or_else(|| unreadable(column))
}

/// A text column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(get(row, column)?).map_err(|_| unreadable(column))
}

/// A text column that may hold JSON.
pub(super) fn json_option<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>> {
    get::<Option<&str>>(row, column)?
        .map(|text| serde_json::from_str(text).map_err(|_| unreadable(column)))
        .transpose()
}

/// A column that may hold a time.
pub(super) fn time_option(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

/// A column that holds a time.
pub(super) fn time(row: &Row, column: &str) -> Result<Timestamp> {
    get(row, column).map(Timestamp::from_millis)
}

/// A count from a column.
pub(super) fn count<T: TryFrom<i64>>(row: &Row, column: &str) -> Result<T> {
    T::try_from(get::<i64>(row, column)?).map_err(|_| unreadable(column))
}

/// Reads every row.
pub(super) fn all<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(read).collect()
}

/// The failure of a column whose value makes no sense.
pub(super) fn unreadable(column: &str) -> Failure {
    Failure::Unexpected(format!("the value of column {column} cannot be read"))
}
