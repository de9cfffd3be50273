//! Groups: registration.

use proto::group::Group;
use proto::ids::GroupId;
use tokio_postgres::Row;

use super::columns::{self, get, json, parsed, time};
use super::failure::{Failure, Result};
use super::parameter::statement;
use super::transaction::Tx;
use crate::Error;

/// Registers or changes. The row of a removed group is taken up again, with its epoch and positions.
pub(super) async fn put(tx: &Tx, group: &Group) -> Result<()> {
    let settings = serde_json::to_string(&group.settings).map_err(|error| Failure::Unexpected(error.to_string()))?;
    let put = statement!(
        "
        INSERT INTO groups AS g (id, name, is_main, settings, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name,
            is_main = excluded.is_main,
            settings = excluded.settings,
            created_at = CASE WHEN g.removed THEN excluded.created_at ELSE g.created_at END,
            removed = FALSE
        ",
        &group.id,
        &group.name,
        group.is_main,
        settings,
        group.created_at,
    );
    tx.write(put).await?;
    Ok(())
}

pub(super) async fn find(tx: &Tx, id: &GroupId) -> Result<Option<Group>> {
    let group = statement!(
        "SELECT id, name, is_main, settings, created_at FROM groups WHERE id = $1 AND NOT removed",
        id,
    );
    tx.read(group).await?.row().map(read).transpose()
}

pub(super) async fn all(tx: &Tx) -> Result<Vec<Group>> {
    let groups = statement!("SELECT id, name, is_main, settings, created_at FROM groups WHERE NOT removed ORDER BY id");
    columns::all(&tx.read(groups).await?.rows, read)
}

/// Takes away what belonged to the group. What was said or is about to be said in its name stays in the outbox.
pub(super) async fn remove(tx: &Tx, id: &GroupId) -> Result<()> {
    let lock = statement!(
        "SELECT owner FROM groups WHERE id = $1 AND NOT removed FOR NO KEY UPDATE",
        id
    );
    let [answer] = tx.begin([lock]).await?;
    let row = answer.row().ok_or_else(|| not_found(id))?;
    if let Some(owner) = get::<Option<&str>>(row, "owner")? {
        return Err(Error::Conflict(format!("group {id} is being served by runner {owner}")).into());
    }
    tx.commit([
        // Locked by id before they are changed: the order in which everybody takes several chats.
        statement!(
            "SELECT 1 FROM chats WHERE group_id = $1 ORDER BY id FOR NO KEY UPDATE",
            id
        ),
        statement!("UPDATE chats SET group_id = NULL WHERE group_id = $1", id),
        statement!("DELETE FROM tasks WHERE group_id = $1", id),
        statement!("DELETE FROM firings WHERE group_id = $1", id),
        statement!("DELETE FROM messages WHERE group_id = $1", id),
        statement!("DELETE FROM turns WHERE group_id = $1", id),
        statement!("DELETE FROM transcripts WHERE group_id = $1", id),
        statement!("DELETE FROM snapshots WHERE group_id = $1", id),
        statement!("DELETE FROM dead_letters WHERE group_id = $1", id),
        statement!(
            "
            WITH removed AS (
                UPDATE groups
                SET removed = TRUE, cursor_ord = head_ord, shown_ord = head_ord, ready_at = NULL, ready_kind = 'interactive', not_before = 0,
                    attempts = 0, runner_deaths = 0, session_id = NULL, last_runner = NULL
                WHERE id = $1 AND owner IS NULL
                RETURNING 1
            )
            SELECT must_touch(1, COUNT(*)) FROM removed
            ",
            id,
        ),
    ])
    .await?;
    Ok(())
}

pub(super) fn not_found(id: &GroupId) -> Error {
    Error::NotFound {
        what: "group",
        id: id.to_string(),
    }
}

/// Reads the registration out of a row of `groups`.
pub(super) fn read(row: &Row) -> Result<Group> {
    Ok(Group {
        id: parsed(row, "id")?,
        name: get(row, "name")?,
        is_main: get(row, "is_main")?,
        settings: json(row, "settings")?,
        created_at: time(row, "created_at")?,
    })
}
