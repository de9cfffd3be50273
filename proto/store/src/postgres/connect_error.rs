//! Why the database cannot be used, in words an operator can act on.

use std::path::PathBuf;

/// Why [`super::PostgresStore::connect`] refused.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one.
    #[error("the database URL cannot be used: {0}")]
    Url(String),
    /// The file with authorities cannot be used.
    #[error("cannot read certificates from {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS to Postgres: {0}")]
    Tls(String),
    /// Nobody answers there, or not as Postgres does, or not in time. It may come up yet.
    #[error("cannot reach Postgres at {server}: {reason}")]
    Unreachable {
        /// Hosts and ports.
        server: String,
        /// Why, and what to do.
        reason: String,
    },
    /// It answers and lets nobody in for now: it starts, stops, or has no connection left. It may come up yet.
    #[error("Postgres at {server} takes no connection: {reason}")]
    Busy {
        /// Hosts and ports.
        server: String,
        /// What it says, and what to do.
        reason: String,
    },
    /// It does not let us in.
    #[error("Postgres at {server} refused {what}: {reason}")]
    Refused {
        /// Hosts and ports.
        server: String,
        /// What it refused.
        what: String,
        /// What it says, and what to do.
        reason: String,
    },
    /// The server cannot serve this program.
    #[error("Postgres at {server} cannot be used: {reason}")]
    Unsuitable {
        /// Hosts and ports.
        server: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A newer version of this program has changed the schema.
    #[error(
        "the database at {server} was changed by a newer clawhold (migration {migration:?} is unknown here): use that \
         version"
    )]
    NewerSchema {
        /// Hosts and ports.
        server: String,
        /// First migration not known here.
        migration: String,
    },
    /// A migration that was applied is not the one known here under its name.
    #[error(
        "migration {migration:?} was applied to the database at {server} in another form: it belongs to another build; \
         use that one or restore a backup"
    )]
    ChangedMigration {
        /// Hosts and ports.
        server: String,
        /// The migration.
        migration: String,
    },
    /// Changing the schema failed; nothing took effect.
    #[error("migration {migration:?} of the database at {server} failed: {reason}")]
    Migration {
        /// Hosts and ports.
        server: String,
        /// The migration.
        migration: String,
        /// What Postgres says, and what to do.
        reason: String,
    },
}

impl ConnectError {
    /// Whether waiting and trying again may help: nobody has to change anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}
