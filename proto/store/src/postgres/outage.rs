//! What is said when Postgres fails a call: enough to act on, and nothing out of the rows.
//!
//! The error of the client library is not passed on: what Postgres adds as detail quotes rows, and so messages of people.

use deadpool_postgres::{PoolError, TimeoutType};

use super::connect::explain;
use crate::Error;

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error("Postgres at {server}: {reason}")]
pub(super) struct Outage {
    server: String,
    reason: String,
}

impl Outage {
    pub(super) fn new(server: &str, reason: impl Into<String>) -> Self {
        Self {
            server: server.to_owned(),
            reason: reason.into(),
        }
    }

    /// A call that got an error instead of an answer.
    pub(super) fn of(server: &str, error: &tokio_postgres::Error) -> Self {
        let reason = match error.as_db_error() {
            Some(said) => format!("{} ({})", said.message(), said.code().code()),
            None => explain(error),
        };
        Self::new(server, reason)
    }

    /// A call that got no connection.
    pub(super) fn no_connection(server: &str, error: &PoolError) -> Self {
        let reason = match error {
            PoolError::Timeout(TimeoutType::Wait) => "all connections of this process are busy".to_owned(),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                "no answer to a new connection".to_owned()
            }
            PoolError::Backend(error) => return Self::of(server, error),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => error.to_string(),
        };
        Self::new(server, reason)
    }
}

impl From<Outage> for Error {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(Box::new(outage))
    }
}
