//! Finds out whether a pooler is between us and the server that gives each transaction whatever connection is free.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::time::timeout;

use super::failure::{Failure, Result};

/// Looks taken: other clients of a pooler may hide it from one, by taking the very connection that would have shown it.
const LOOKS: usize = 8;

/// How long a session may take to say which process serves it. One that takes longer is taken for one that waits its turn at a
/// pooler: at worst, statements are not kept prepared.
const ANSWER: Duration = Duration::from_secs(1);

/// Asks a session which process of the server serves it, while another is in a transaction and so holds one: without a pooler each
/// has a process of its own for good. A pooler hands out the one used last first, so it shows itself at the first look, unless
/// others are busy there at the same time.
pub(super) async fn is_between(pool: &Pool) -> Result<bool> {
    let one = pool.get().await.map_err(Failure::NoConnection)?;
    let other = pool.get().await.map_err(Failure::NoConnection)?;
    for _ in 0..LOOKS {
        let before = process(&one).await?;
        other.batch_execute("BEGIN").await?;
        let held = process(&other).await?;
        // Without a pooler nothing that others do keeps a session from being answered.
        let after = timeout(ANSWER, process(&one)).await;
        other.batch_execute("ROLLBACK").await?;
        let Ok(after) = after else { return Ok(true) };
        if after? != before || held == before {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn process(session: &Object) -> Result<i32> {
    // Not a prepared statement: that is what may not be safe yet.
    let rows = session.query_typed("SELECT pg_backend_pid()", &[]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::Unexpected("no process answers".to_owned()))?;
    Ok(row.try_get(0)?)
}
