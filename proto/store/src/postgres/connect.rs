//! Getting a first connection, and saying what an operator can do about it when there is none.

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use super::ConnectError;
use super::failure::{Failure, Result as CallResult};
use super::parameter::statement;
use super::transaction::Tx;

/// Oldest major version of the server that is tried and tested.
const OLDEST_MAJOR: i64 = 15;

/// Says what a failure to connect means.
pub(super) fn classify(server: &str, database: &str, error: &PoolError) -> ConnectError {
    let unreachable = |reason: String| ConnectError::Unreachable {
        server: server.to_owned(),
        reason,
    };
    match error {
        PoolError::Backend(error) => match error.as_db_error() {
            Some(said) => classify_answer(server, database, said),
            None if is_about_tls(error) => ConnectError::Refused {
                server: server.to_owned(),
                what: "the TLS handshake".to_owned(),
                reason: format!(
                    "{}; see sslmode of the database URL, and the file with the authority's certificate",
                    explain(error)
                ),
            },
            None if error.to_string().contains("authentication") => ConnectError::Refused {
                server: server.to_owned(),
                what: "the log-in".to_owned(),
                reason: format!("{}; check user and password in the database URL", explain(error)),
            },
            None => unreachable(format!(
                "{}; is it running, and may this host reach it?",
                explain(error)
            )),
        },
        PoolError::Timeout(TimeoutType::Create | TimeoutType::Wait | TimeoutType::Recycle) => {
            unreachable("no answer in time; is it running, and may this host reach it?".to_owned())
        }
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            unreachable(error.to_string())
        }
    }
}

fn classify_answer(server: &str, database: &str, said: &DbError) -> ConnectError {
    let server = server.to_owned();
    let refused = |what: &str, advice: &str| ConnectError::Refused {
        server: server.clone(),
        what: what.to_owned(),
        reason: format!("{}; {advice}", said.message()),
    };
    let busy = |advice: &str| ConnectError::Busy {
        server: server.clone(),
        reason: format!("{}{advice}", said.message()),
    };
    match said.code() {
        code if *code == SqlState::INVALID_PASSWORD => {
            refused("the password", "check user and password in the database URL")
        }
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            refused("the user", "create the role, or let it in by pg_hba.conf")
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => refused(
            "the database",
            &format!("create it: CREATE DATABASE \"{database}\" OWNER <the user of the URL>"),
        ),
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            refused("the access", "GRANT CONNECT on the database to the user of the URL")
        }
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            busy("; raise max_connections, lower the pool size, or put pgbouncer in between")
        }
        code if *code == SqlState::CANNOT_CONNECT_NOW || code.code().starts_with("57P") => busy(""),
        _ => refused("the connection", "see the server's log"),
    }
}

/// Checks that the server can do what is asked of it.
pub(super) async fn check_server(tx: &Tx, server: &str) -> CallResult<Result<(), ConnectError>> {
    let settings = statement!(
        "
        SELECT current_setting('server_version_num')::BIGINT AS version, current_setting('server_version') AS name,
               current_setting('server_encoding') AS encoding
        "
    );
    let answer = tx.read(settings).await?;
    let row = answer.one()?;
    let (version, name, encoding): (i64, &str, &str) =
        (row.try_get("version")?, row.try_get("name")?, row.try_get("encoding")?);
    Ok(judge_server(server, version, name, encoding))
}

fn judge_server(server: &str, version: i64, name: &str, encoding: &str) -> Result<(), ConnectError> {
    let unsuitable = |reason: String| {
        Err(ConnectError::Unsuitable {
            server: server.to_owned(),
            reason,
        })
    };
    if version / 10_000 < OLDEST_MAJOR {
        return unsuitable(format!(
            "it is version {name}; version {OLDEST_MAJOR} or newer is needed"
        ));
    }
    if encoding != "UTF8" {
        return unsuitable(format!(
            "the database's encoding is {encoding}; create it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        ));
    }
    Ok(())
}

/// Says what a failure during start means, other than of the connection itself.
pub(super) fn classify_failure(server: &str, failure: Failure) -> ConnectError {
    ConnectError::Unreachable {
        server: server.to_owned(),
        reason: failure.into_error(server).to_string(),
    }
}

/// An error of the client library with its causes, for people. Not for what Postgres itself answered.
pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn is_about_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_refused_with_its_version() {
        let error = judge_server("db:5432", 140_011, "14.11", "UTF8").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Postgres at db:5432 cannot be used: it is version 14.11; version 15 or newer is needed"
        );
        assert!(judge_server("db:5432", 150_000, "15.0", "UTF8").is_ok());
    }

    #[test]
    fn a_database_that_is_not_utf_8_is_refused() {
        let error = judge_server("db:5432", 150_000, "15.0", "SQL_ASCII")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("SQL_ASCII") && error.contains("ENCODING 'UTF8'"),
            "{error}"
        );
    }
}
