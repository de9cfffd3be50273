//! Why the database file cannot be opened, in words an operator can act on.

use std::path::PathBuf;

/// Why [`super::SqliteStore::open`] refused.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it.
    #[error("another process{} uses {}: stop it first", holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), path.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// Its process number, once it has written it down.
        holder: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: the directory must exist and be writable", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be created, read or written.
    #[error("cannot open {}: it must be a file that this user may read and write", path.display())]
    Access {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is not a database, or a broken one.
    #[error("{} is not a sound SQLite database: move it away or restore a backup", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer version of this program has changed it.
    #[error("{} was written by a newer clawhold (migration {migration:?} is unknown here): use that version", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// First migration not known here.
        migration: String,
    },
    /// Changing the schema failed; nothing of this migration took effect.
    #[error("migration {migration:?} of {} failed", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// The migration.
        migration: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the writer thread of the database")]
    Thread(#[source] std::io::Error),
}
