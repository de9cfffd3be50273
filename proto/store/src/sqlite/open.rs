//! Opening the file: access, settings of a connection, and what each of them is for.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::OpenError;

/// Page cache of the writing connection, KiB. The whole node is to stay below 30 MB.
const WRITER_CACHE_KIB: i64 = 2_000;
/// Page cache of a reading connection, KiB.
const READER_CACHE_KIB: i64 = 500;
/// Prepared statements kept per connection: all the statements there are.
const STATEMENTS_KEPT: usize = 128;
/// How long SQLite waits for a lock of its own. Nobody else writes, so only a checkpoint or a curious operator's shell
/// can be in the way.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log before it is moved into the database: 4 MB.
const CHECKPOINT_PAGES: i64 = 1_000;
/// The log is cut back to this size after a checkpoint. Above [`CHECKPOINT_PAGES`], so that in normal use its blocks are
/// overwritten in place: syncing an overwritten block took 0.3 ms where a growing file took 2.5 ms.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// Opens the connection that writes; creates the file if there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    create_private(path)?;
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|source| classify(path, source))?;
    configure_writer(&conn).map_err(|source| classify(path, source))?;
    Ok(conn)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(conn)
    };
    open().map_err(|source| classify(path, source))
}

/// The file holds people's messages: only its owner may read it. SQLite gives the log the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| OpenError::Access {
            path: path.to_owned(),
            source: Box::new(source),
        })
}

fn configure_writer(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    // FULL syncs the log at every commit: an answered call survives a power cut. NORMAL would not.
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |row| row.get::<_, i64>(0))?;
    conn.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |row| row.get::<_, i64>(0))?;
    // Reads the whole schema: a file that is no database fails here and not in the middle of a turn.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Says what an error while opening means to an operator.
pub(super) fn classify(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { path, source },
        Some(_) | None => OpenError::Access {
            path,
            source: Box::new(source),
        },
    }
}
