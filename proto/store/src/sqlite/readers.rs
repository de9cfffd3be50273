//! Readers: connections that cannot write, for calls that need no place in the writer's queue.
//!
//! A reader sees everything that was committed when its transaction began, and since the writer answers after the
//! commit, it sees everything its caller was ever told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::OpenError;
use super::error::unavailable;
use super::open::open_reader;
use crate::Result;

/// Reading connections. Reads here take microseconds; two keep a long one from blocking the rest.
const READERS: usize = 2;

/// A small pool of reading connections.
#[derive(Clone)]
pub(super) struct Readers {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Opens the connections; the file must exist and be in write-ahead mode.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let idle = (0..READERS).map(|_| open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            free: Arc::new(Semaphore::new(READERS)),
            idle: Arc::new(Mutex::new(idle)),
        })
    }

    /// Runs `look` over one consistent state of the database.
    pub(super) async fn run<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|_| unavailable("the readers are closed"))?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let conn = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut conn = conn.ok_or_else(|| unavailable("there are fewer readers than permits"))?;
            // A defect in one call must not cost the pool a connection; its transaction ends with the unwinding.
            let result = catch_unwind(AssertUnwindSafe(|| read(&mut conn, look)));
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            drop(permit);
            result.unwrap_or_else(|_| Err(unavailable("a database call panicked")))
        });
        task.await
            .map_err(|error| unavailable(format!("a database read ended early: {error}")))?
    }
}

fn read<T>(conn: &mut Connection, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    // One transaction, so that several statements of a call see the same state.
    let tx = conn.transaction()?;
    look(&tx)
}
