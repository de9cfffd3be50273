//! How a call over a connection ends when it does not end well, and what that says about its transaction.

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::outage::Outage;
use crate::Error;

/// Result of what runs over a connection.
pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a call over a connection failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The rows say no: the answer of the call.
    Refused(Error),
    /// Postgres, or the connection to it, failed.
    Postgres(tokio_postgres::Error),
    /// There is no connection; nothing was sent.
    NoConnection(PoolError),
    /// The rows are not as they must be.
    Unexpected(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// How far a transaction had come when its call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is open on the connection, and nothing is under way.
    Idle,
    /// Something is under way that changes nothing.
    Reading,
    /// Begun, and not told to commit.
    Open,
    /// Told to commit, not answered.
    Committing,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The transaction surely did not take effect, and the next try may well.
    TryAgain,
    /// Say it.
    GiveUp,
}

impl Failure {
    /// Whether the connection still does what it is told.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Unexpected(_) => true,
            Self::Postgres(error) => error
                .as_db_error()
                .is_some_and(|said| !is_last_word(said) && !is_read_only(said)),
            Self::NoConnection(_) => false,
        }
    }

    /// Decides after the stage in which it happened.
    pub(super) fn judge(&self, stage: Stage) -> Verdict {
        let surely_undone = |said: &DbError| !is_last_word(said) || stage != Stage::Committing;
        match self {
            Self::Refused(_) | Self::Unexpected(_) | Self::NoConnection(_) => Verdict::GiveUp,
            Self::Postgres(error) => match error.as_db_error() {
                Some(said) if surely_undone(said) && may_pass(said) => Verdict::TryAgain,
                Some(_) => Verdict::GiveUp,
                // The connection broke. Only a COMMIT under way leaves it open what became of the transaction.
                None if is_io(error) && stage != Stage::Committing => Verdict::TryAgain,
                None => Verdict::GiveUp,
            },
        }
    }

    /// The error of the port.
    pub(super) fn into_error(self, server: &str) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Unexpected(reason) => Error::Unavailable(reason.into()),
            Self::NoConnection(error) => Outage::no_connection(server, &error).into(),
            Self::Postgres(error) => match error.as_db_error() {
                // The values themselves are refused (too long for an index, out of range): that will never pass.
                Some(said) if is_about_values(said.code()) => Error::Conflict(format!(
                    "Postgres cannot keep it: {} ({})",
                    said.message(),
                    said.code().code()
                )),
                Some(_) | None => Outage::of(server, &error).into(),
            },
        }
    }
}

/// After an error of this severity the connection is over, and a commit may have got through just before.
fn is_last_word(said: &DbError) -> bool {
    !matches!(said.parsed_severity(), Some(Severity::Error))
}

/// A primary that was demoted: another host takes the writes now.
fn is_read_only(said: &DbError) -> bool {
    *said.code() == SqlState::READ_ONLY_SQL_TRANSACTION
}

fn may_pass(said: &DbError) -> bool {
    let code = said.code();
    *code == SqlState::T_R_SERIALIZATION_FAILURE
        || *code == SqlState::T_R_DEADLOCK_DETECTED
        // Two drew the same at once: the second finds it there.
        || *code == SqlState::UNIQUE_VIOLATION
        || is_read_only(said)
        || is_last_word(said)
}

fn is_about_values(code: &SqlState) -> bool {
    // Data exception; integrity constraint violation (an id that is taken, after all tries); program limit exceeded.
    ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
