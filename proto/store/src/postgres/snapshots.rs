//! The committed workspace of a group.

use proto::claim::Fence;
use proto::ids::{GroupId, SnapshotId};
use proto::snapshot::SnapshotRef;
use proto::turn::TurnCommit;
use tokio_postgres::Row;

use super::columns::{count, get, parsed};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Tx;

pub(super) async fn find(tx: &Tx, group: &GroupId) -> Result<Option<SnapshotRef>> {
    let find = statement!(
        "SELECT id, manifest, digest, bytes, files FROM snapshots WHERE group_id = $1",
        group
    );
    tx.read(find).await?.row().map(read).transpose()
}

/// Reads the columns of a row of `snapshots`.
pub(super) fn read(row: &Row) -> Result<SnapshotRef> {
    Ok(SnapshotRef {
        id: SnapshotId(get(row, "id")?),
        manifest: get(row, "manifest")?,
        digest: parsed(row, "digest")?,
        bytes: count(row, "bytes")?,
        files: count(row, "files")?,
    })
}

/// Replaces the snapshot of the group whose lock is held.
pub(super) fn put<'a>(fence: &'a Fence, commit: &TurnCommit, snapshot: &'a SnapshotRef) -> Statement<'a> {
    statement!(
        "
        INSERT INTO snapshots (group_id, id, turn_id, manifest, digest, bytes, files, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (group_id) DO UPDATE SET
            id = excluded.id,
            turn_id = excluded.turn_id,
            manifest = excluded.manifest,
            digest = excluded.digest,
            bytes = excluded.bytes,
            files = excluded.files,
            created_at = excluded.created_at
        ",
        &fence.group,
        snapshot.id.0,
        commit.turn,
        &snapshot.manifest,
        snapshot.digest.to_string(),
        snapshot.bytes,
        snapshot.files,
        commit.now,
    )
}
