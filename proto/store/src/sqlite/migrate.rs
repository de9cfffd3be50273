//! Migrations: forward only, each once, each whole or not at all.
//!
//! The file lock makes this process the only one; a file changed by a newer version is refused before anything else
//! is read from it, because its rows may mean something else by now.

use std::path::Path;

use proto::time::Timestamp;
use rusqlite::{Connection, params};

use super::OpenError;
use super::open::classify;

/// A change of the schema.
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
            sql: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
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

/// Brings the schema up to the newest of `migrations`.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<(), OpenError> {
    let applied = read_applied(conn).map_err(|source| classify(path, source))?;
    if let Some(unknown) = applied
        .iter()
        .find(|name| migrations.iter().all(|known| known.name != name.as_str()))
    {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            migration: unknown.clone(),
        });
    }
    for migration in migrations
        .iter()
        .filter(|known| !applied.iter().any(|name| name == known.name))
    {
        apply(conn, migration, now).map_err(|source| OpenError::Migration {
            path: path.to_owned(),
            migration: migration.name,
            source,
        })?;
        tracing::info!(migration = migration.name, "database schema changed");
    }
    Ok(())
}

fn read_applied(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.execute_batch(
        "
        -- Which changes of the schema this file has seen.
        CREATE TABLE IF NOT EXISTS migrations (
            name       TEXT    NOT NULL PRIMARY KEY,
            applied_at INTEGER NOT NULL
        ) STRICT;
        ",
    )?;
    let mut statement = conn.prepare("SELECT name FROM migrations ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn apply(conn: &mut Connection, migration: &Migration, now: Timestamp) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO migrations (name, applied_at) VALUES (?1, ?2)",
        params![migration.name, now.as_millis()],
    )?;
    tx.commit()
}

#[cfg(test)]
mod tests;
