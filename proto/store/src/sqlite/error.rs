//! How a failure of SQLite becomes an error of the port.

use crate::{Error, Result};

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Turns a text into an error of the port, for failures that are not SQLite's own.
pub(super) fn unavailable(reason: impl Into<String>) -> Error {
    Error::Unavailable(reason.into().into())
}

/// Checks that a statement meant for one row touched one; `otherwise` says what it means that it did not.
pub(super) fn one_row(touched: usize, otherwise: impl FnOnce() -> Error) -> Result<()> {
    match touched {
        1 => Ok(()),
        0 => Err(otherwise()),
        more => Err(unavailable(format!("a statement meant for one row touched {more}"))),
    }
}
