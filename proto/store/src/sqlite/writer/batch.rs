//! One transaction for a batch of calls.

use rusqlite::Connection;

use super::job::Job;

/// Runs all jobs in one transaction, each in a savepoint of its own, and answers them after the commit.
pub(super) fn run(conn: &Connection, mut jobs: Vec<Box<dyn Job>>) {
    let lost = perform(conn, &mut jobs).err().map(|error| {
        // Undoes whatever is left open; without an open transaction this fails, which is as good.
        conn.execute_batch("ROLLBACK").ok();
        tracing::error!(%error, calls = jobs.len(), "database transaction lost");
        format!("the transaction did not take effect: {error}")
    });
    for job in jobs {
        job.answer(lost.as_deref());
    }
}

fn perform(conn: &Connection, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    // IMMEDIATE takes the write lock before anything is read: no transaction can fail half-way for want of it.
    execute(conn, "BEGIN IMMEDIATE")?;
    for job in jobs {
        execute(conn, "SAVEPOINT call")?;
        if !job.perform(conn) {
            // Some failures (disk full, I/O) end the whole transaction; then this fails too, and every call is lost.
            execute(conn, "ROLLBACK TO call")?;
        }
        execute(conn, "RELEASE call")?;
    }
    execute(conn, "COMMIT")
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}
