//! Leases: leadership in `leaders`, accounts in `accounts`. The two differ in their keys only.

use proto::ids::Epoch;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::error::one_row;
use crate::{Error, Result};

/// The statements over one of the tables.
struct Table {
    read: &'static str,
    insert: &'static str,
    take: &'static str,
    renew: &'static str,
    release: &'static str,
}

macro_rules! table {
    ($table:literal, $epoch:literal, $columns:literal, $values:literal, $is:literal) => {
        Table {
            read: concat!(
                "SELECT holder, ",
                $epoch,
                " AS epoch, heartbeat FROM ",
                $table,
                " WHERE ",
                $is
            ),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (",
                $columns,
                ", holder, ",
                $epoch,
                ", heartbeat) VALUES (",
                $values,
                ", :holder, 1, 0) ON CONFLICT DO NOTHING"
            ),
            take: concat!(
                "UPDATE ",
                $table,
                " SET holder = :holder, ",
                $epoch,
                " = :seen_epoch + 1 WHERE ",
                $is,
                " AND holder IS :seen_holder AND heartbeat = :seen_heartbeat AND ",
                $epoch,
                " = :seen_epoch"
            ),
            renew: concat!(
                "UPDATE ",
                $table,
                " SET heartbeat = heartbeat + 1 WHERE ",
                $is,
                " AND holder = :holder AND ",
                $epoch,
                " = :epoch"
            ),
            release: concat!(
                "UPDATE ",
                $table,
                " SET holder = NULL WHERE ",
                $is,
                " AND holder = :holder AND ",
                $epoch,
                " = :epoch"
            ),
        }
    };
}

const LEADERS: Table = table!("leaders", "term", "role", ":role", "role = :role");
const ACCOUNTS: Table = table!(
    "accounts",
    "epoch",
    "channel, account",
    ":channel, :account",
    "channel = :channel AND account = :account"
);

type Parameters<'a> = Vec<(&'static str, &'a dyn ToSql)>;

fn place(name: &LeaseName) -> (Table, Parameters<'_>) {
    match name {
        LeaseName::Scheduler => (LEADERS, vec![(":role", &"scheduler")]),
        LeaseName::Account { channel, account } => (ACCOUNTS, vec![(":channel", channel), (":account", account)]),
    }
}

pub(super) fn get(conn: &Connection, name: &LeaseName) -> Result<LeaseRow> {
    let (table, key) = place(name);
    let row = conn
        .prepare_cached(table.read)?
        .query_row(&key[..], |row| {
            Ok(LeaseRow {
                holder: row.get("holder")?,
                epoch: Epoch(row.get("epoch")?),
                heartbeat: row.get("heartbeat")?,
            })
        })
        .optional()?;
    Ok(row.unwrap_or(NEVER_HELD))
}

const NEVER_HELD: LeaseRow = LeaseRow {
    holder: None,
    epoch: Epoch::ZERO,
    heartbeat: 0,
};

pub(super) fn take(conn: &Connection, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>> {
    let (table, mut parameters) = place(name);
    parameters.push((":holder", &holder));
    let (sql, taken) = if *seen == NEVER_HELD {
        (table.insert, NEVER_HELD.epoch.next())
    } else {
        parameters.push((":seen_holder", &seen.holder));
        parameters.push((":seen_epoch", &seen.epoch.0));
        parameters.push((":seen_heartbeat", &seen.heartbeat));
        (table.take, seen.epoch.next())
    };
    let touched = conn.prepare_cached(sql)?.execute(&parameters[..])?;
    Ok((touched == 1).then_some(taken))
}

pub(super) fn renew(conn: &Connection, hold: &Hold) -> Result<()> {
    let (table, parameters) = of_holder(hold);
    let touched = conn.prepare_cached(table.renew)?.execute(&parameters[..])?;
    one_row(touched, || lost(hold))
}

pub(super) fn release(conn: &Connection, hold: &Hold) -> Result<()> {
    let (table, parameters) = of_holder(hold);
    conn.prepare_cached(table.release)?.execute(&parameters[..])?;
    Ok(())
}

pub(super) fn position(conn: &Connection, channel: &str, account: &str) -> Result<Option<String>> {
    let position = conn
        .prepare_cached("SELECT position FROM accounts WHERE channel = ?1 AND account = ?2")?
        .query_row([channel, account], |row| row.get(0))
        .optional()?;
    Ok(position.flatten())
}

pub(super) fn save_position(conn: &Connection, hold: &Hold, position: &str) -> Result<()> {
    let (channel, account) = require_account(conn, hold)?;
    let touched = conn
        .prepare_cached("UPDATE accounts SET position = ?3 WHERE channel = ?1 AND account = ?2")?
        .execute([channel, account, position])?;
    one_row(touched, || lost(hold))
}

fn of_holder(hold: &Hold) -> (Table, Parameters<'_>) {
    let (table, mut parameters) = place(&hold.name);
    parameters.push((":holder", &hold.holder));
    parameters.push((":epoch", &hold.epoch.0));
    (table, parameters)
}

/// Fails unless an account is held, and says which.
pub(super) fn require_account<'h>(conn: &Connection, hold: &'h Hold) -> Result<(&'h str, &'h str)> {
    let LeaseName::Account { channel, account } = &hold.name else {
        return Err(lost(hold));
    };
    let row = get(conn, &hold.name)?;
    if row.holder.as_ref() == Some(&hold.holder) && row.epoch == hold.epoch {
        Ok((channel, account))
    } else {
        Err(lost(hold))
    }
}

fn lost(hold: &Hold) -> Error {
    Error::LeaseLost(Box::new(hold.clone()))
}
