//! Leases: leadership and accounts. Two tables, because they mean different things; one protocol.

use proto::ids::Epoch;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};

use super::columns::get;
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use crate::Error;

/// The only role there is.
const SCHEDULER: &str = "scheduler";

/// A lease without a row.
const NEVER_HELD: LeaseRow = LeaseRow {
    holder: None,
    epoch: Epoch::ZERO,
    heartbeat: 0,
};

pub(super) async fn look(tx: &Tx, name: &LeaseName) -> Result<LeaseRow> {
    let look = match name {
        LeaseName::Scheduler => statement!(
            "SELECT holder, term AS epoch, heartbeat FROM leaders WHERE role = $1",
            SCHEDULER,
        ),
        LeaseName::Account { channel, account } => statement!(
            "SELECT holder, epoch, heartbeat FROM accounts WHERE channel = $1 AND account = $2",
            channel,
            account,
        ),
    };
    match tx.read(look).await?.row() {
        Some(row) => Ok(LeaseRow {
            holder: get(row, "holder")?,
            epoch: Epoch(get(row, "epoch")?),
            heartbeat: get(row, "heartbeat")?,
        }),
        None => Ok(NEVER_HELD),
    }
}

/// Of those that saw the same row, one finds it unchanged: the others wait for its lock, or for the index, and look again.
pub(super) async fn take(tx: &Tx, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>> {
    let never = *seen == NEVER_HELD;
    let take = match name {
        LeaseName::Scheduler => statement!(
            "
            WITH made AS (
                INSERT INTO leaders (role, holder, term, heartbeat) SELECT $1, $2, 1, 0 WHERE $6
                ON CONFLICT (role) DO NOTHING
                RETURNING term
            ), moved AS (
                UPDATE leaders SET holder = $2, term = term + 1
                WHERE role = $1 AND holder IS NOT DISTINCT FROM $3 AND term = $4 AND heartbeat = $5
                RETURNING term
            )
            SELECT term AS epoch FROM made UNION ALL SELECT term FROM moved
            ",
            SCHEDULER,
            holder,
            &seen.holder,
            seen.epoch,
            seen.heartbeat,
            never,
        ),
        LeaseName::Account { channel, account } => statement!(
            "
            WITH made AS (
                INSERT INTO accounts (channel, account, holder, epoch, heartbeat) SELECT $1, $7, $2, 1, 0 WHERE $6
                ON CONFLICT (channel, account) DO NOTHING
                RETURNING epoch
            ), moved AS (
                UPDATE accounts SET holder = $2, epoch = epoch + 1
                WHERE channel = $1 AND account = $7
                  AND holder IS NOT DISTINCT FROM $3 AND epoch = $4 AND heartbeat = $5
                RETURNING epoch
            )
            SELECT epoch FROM made UNION ALL SELECT epoch FROM moved
            ",
            channel,
            holder,
            &seen.holder,
            seen.epoch,
            seen.heartbeat,
            never,
            account,
        ),
    };
    let [_, taken] = tx.transact([alone(name), take]).await?;
    taken.row().map(|row| get(row, "epoch").map(Epoch)).transpose()
}

pub(super) async fn renew(tx: &Tx, hold: &Hold) -> Result<()> {
    let renew = match &hold.name {
        LeaseName::Scheduler => statement!(
            "UPDATE leaders SET heartbeat = heartbeat + 1 WHERE role = $1 AND holder = $2 AND term = $3 RETURNING 1",
            SCHEDULER,
            &hold.holder,
            hold.epoch,
        ),
        LeaseName::Account { channel, account } => statement!(
            "
            UPDATE accounts SET heartbeat = heartbeat + 1
            WHERE channel = $1 AND account = $2 AND holder = $3 AND epoch = $4
            RETURNING 1
            ",
            channel,
            account,
            &hold.holder,
            hold.epoch,
        ),
    };
    // As a runner's heartbeat, it may be forgotten in a crash of the server.
    let [renewed] = tx.transact_unsynced([renew]).await?;
    renewed.row().map(|_| ()).ok_or_else(|| lost(hold).into())
}

pub(super) async fn release(tx: &Tx, hold: &Hold) -> Result<()> {
    let release = match &hold.name {
        LeaseName::Scheduler => statement!(
            "UPDATE leaders SET holder = NULL WHERE role = $1 AND holder = $2 AND term = $3",
            SCHEDULER,
            &hold.holder,
            hold.epoch,
        ),
        LeaseName::Account { channel, account } => statement!(
            "UPDATE accounts SET holder = NULL WHERE channel = $1 AND account = $2 AND holder = $3 AND epoch = $4",
            channel,
            account,
            &hold.holder,
            hold.epoch,
        ),
    };
    tx.transact([alone(&hold.name), release]).await?;
    Ok(())
}

pub(super) async fn position(tx: &Tx, channel: &str, account: &str) -> Result<Option<String>> {
    let position = statement!(
        "SELECT position FROM accounts WHERE channel = $1 AND account = $2",
        channel,
        account,
    );
    let answer = tx.read(position).await?;
    Ok(answer.row().map(|row| get(row, "position")).transpose()?.flatten())
}

pub(super) async fn save_position(tx: &Tx, hold: &Hold, position: &str) -> Result<()> {
    let LeaseName::Account { channel, account } = &hold.name else {
        return Err(lost(hold).into());
    };
    let save = statement!(
        "
        UPDATE accounts SET position = $5
        WHERE channel = $1 AND account = $2 AND holder = $3 AND epoch = $4
        RETURNING 1
        ",
        channel,
        account,
        &hold.holder,
        hold.epoch,
        position,
    );
    let answer = tx.write(save).await?;
    answer.row().map(|_| ()).ok_or_else(|| lost(hold).into())
}

pub(super) fn lost(hold: &Hold) -> Error {
    Error::LeaseLost(Box::new(hold.clone()))
}

/// Waits for the acts under way that share the lease, and makes later ones find what follows: with a change in the same transaction
/// it is a change of the key to those that lock `FOR KEY SHARE`, who then look at the new row and not at their snapshot.
fn alone(name: &LeaseName) -> Statement<'_> {
    match name {
        LeaseName::Scheduler => statement!("SELECT 1 FROM leaders WHERE role = $1 FOR UPDATE", SCHEDULER),
        LeaseName::Account { channel, account } => statement!(
            "SELECT 1 FROM accounts WHERE channel = $1 AND account = $2 FOR UPDATE",
            channel,
            account,
        ),
    }
}
