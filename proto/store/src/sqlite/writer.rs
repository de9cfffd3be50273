//! The writer: one thread, one connection, group commit.
//!
//! A durable commit waits for the disk; waiting once for all calls that queued up meanwhile is what makes one file
//! serve a busy node. Each call runs in its own savepoint, so one that fails takes nothing with it, and nobody is
//! answered before the commit: an answer means durable.

mod batch;
mod job;

use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::OpenError;
use super::error::unavailable;
use super::lock::FileLock;
use crate::Result;
use job::{Call, Job};

/// Calls that may wait for the writer; more wait at the door. Two full batches keep it busy.
const QUEUE_MAX: usize = 512;
/// Calls in one commit: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 256;

/// A handle of the writer thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It keeps the lock until the connection is closed.
    pub(super) fn start(conn: Connection, lock: FileLock) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                serve(&conn, queue);
                drop(conn);
                drop(lock);
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs `act` in a transaction and answers once it is durable; an error of `act` undoes what it did.
    ///
    /// `act` runs to its end even if the caller goes away meanwhile.
    pub(super) async fn run<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let gone = || unavailable("the writer of the database has stopped");
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Box::new(Call::new(act, answer))).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Its only way to end early is a panic, which was reported when it happened.
            thread.join().ok();
        }
    }
}

fn serve(conn: &Connection, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH_MAX
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next);
        }
        batch::run(conn, jobs);
    }
}

#[cfg(test)]
mod tests;
