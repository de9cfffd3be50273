//! Migrations: forward only, each once, all of a start whole or not at all.
//!
//! Any number of processes may start at once: a lock that ends with the transaction lets one through, and the others find
//! everything done. A database that a newer version changed is refused before anything else is read from it.

use proto::time::Timestamp;
use sha2::{Digest, Sha256};

use super::ConnectError;
use super::columns::get;
use super::connect::classify_failure;
use super::failure::{Failure, Result as CallResult};
use super::parameter::statement;
use super::transaction::Tx;

/// A change of the schema.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    /// `YYYYMMDDHHMMSS_verb_noun`; they run in this order.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) sql: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration {
            name: $name,
            sql: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// All migrations, oldest first. An entry that was released is never changed.
pub(super) const MIGRATIONS: &[Migration] = &[
    migration!("20261120120000_create_tables"),
    migration!("20261128170000_add_channels"),
    migration!("20261128183000_add_commands"),
    migration!("20261128184500_add_receipts"),
    migration!("20261128190000_add_task_origin"),
];

/// Key of the lock under which migrations run: "clawhold" in ASCII, so that other programs in the database keep clear.
const LOCK: i64 = 0x636c_6177_686f_6c64;

struct Applied {
    name: String,
    checksum: String,
}

/// Brings the schema up to the newest of `migrations`.
pub(super) async fn migrate(
    tx: &Tx,
    server: &str,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<(), ConnectError> {
    let applied = open(tx)
        .await
        .map_err(|failure| failed(server, "migrations", failure))?;
    check(server, migrations, &applied)?;
    for migration in migrations
        .iter()
        .filter(|known| applied.iter().all(|applied| applied.name != known.name))
    {
        apply(tx, migration, now)
            .await
            .map_err(|failure| failed(server, migration.name, failure))?;
        tracing::info!(migration = migration.name, "database schema changed");
    }
    tx.commit([])
        .await
        .map_err(|failure| failed(server, "migrations", failure))
        .map(|[]| ())
}

/// Begins, takes the lock, and reads what was applied. The lock ends with the transaction, so that pgbouncer's lending of
/// connections cannot strand it.
async fn open(tx: &Tx) -> CallResult<Vec<Applied>> {
    tx.begin([statement!("SELECT pg_advisory_xact_lock($1)", LOCK)]).await?;
    tx.script(
        "
        -- That the table exists is nothing to log.
        SET LOCAL client_min_messages = warning;
        -- Which changes of the schema this database has seen.
        CREATE TABLE IF NOT EXISTS migrations (
            name       TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,
            checksum   TEXT   NOT NULL, -- SHA-256 of its SQL
            applied_at BIGINT NOT NULL
        )
        ",
    )
    .await?;
    let [answer] = tx
        .send_all([statement!("SELECT name, checksum FROM migrations ORDER BY name")])
        .await?;
    super::columns::all(&answer.rows, |row| {
        Ok(Applied {
            name: get(row, "name")?,
            checksum: get(row, "checksum")?,
        })
    })
}

fn check(server: &str, migrations: &[Migration], applied: &[Applied]) -> Result<(), ConnectError> {
    for Applied { name, checksum } in applied {
        let (server, migration) = (server.to_owned(), name.clone());
        match migrations.iter().find(|known| known.name == name) {
            None => return Err(ConnectError::NewerSchema { server, migration }),
            Some(known) if checksum_of(known) != *checksum => {
                return Err(ConnectError::ChangedMigration { server, migration });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn apply(tx: &Tx, migration: &Migration, now: Timestamp) -> CallResult<()> {
    tx.script(migration.sql).await?;
    let checksum = checksum_of(migration);
    let note = statement!(
        "INSERT INTO migrations (name, checksum, applied_at) VALUES ($1, $2, $3)",
        migration.name,
        checksum,
        now,
    );
    tx.send_all([note]).await.map(|[_]| ())
}

fn checksum_of(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql))
}

fn failed(server: &str, migration: &str, failure: Failure) -> ConnectError {
    let Failure::Postgres(error) = &failure else {
        return classify_failure(server, failure);
    };
    let Some(said) = error.as_db_error() else {
        return classify_failure(server, failure);
    };
    let advice = match said.code().code() {
        "42501" => "; make the user of the URL the owner of the database, or GRANT CREATE ON SCHEMA public to it",
        "55P03" | "57014" => "; another process seems to hang in a migration: look at pg_stat_activity",
        _ => "",
    };
    ConnectError::Migration {
        server: server.to_owned(),
        migration: migration.to_owned(),
        reason: format!("{}{advice}", said.message()),
    }
}
