//! The committed workspace of each group. Written only by a commit.

use proto::ids::GroupId;
use proto::snapshot::SnapshotRef;
use proto::turn::TurnCommit;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{count, parsed, stored};
use crate::Result;

pub(super) fn get(conn: &Connection, group: &GroupId) -> Result<Option<SnapshotRef>> {
    let snapshot = conn
        .prepare_cached("SELECT id, manifest, digest, bytes, files FROM snapshots WHERE group_id = ?1")?
        .query_row(params![group.as_str()], |row| {
            Ok(SnapshotRef {
                id: parsed(row, "id")?,
                manifest: row.get("manifest")?,
                digest: parsed(row, "digest")?,
                bytes: count(row, "bytes")?,
                files: count(row, "files")?,
            })
        })
        .optional()?;
    Ok(snapshot)
}

/// Puts what a commit brings in the place of the one before. One without a snapshot leaves it.
pub(super) fn replace(conn: &Connection, group: &GroupId, commit: &TurnCommit) -> Result<()> {
    let Some(snapshot) = &commit.snapshot else {
        return Ok(());
    };
    conn.prepare_cached(
        "
        INSERT INTO snapshots (group_id, id, turn_id, manifest, digest, bytes, files, created_at)
        VALUES (:group, :id, :turn, :manifest, :digest, :bytes, :files, :now)
        ON CONFLICT (group_id) DO UPDATE SET
            id = excluded.id,
            turn_id = excluded.turn_id,
            manifest = excluded.manifest,
            digest = excluded.digest,
            bytes = excluded.bytes,
            files = excluded.files,
            created_at = excluded.created_at
        ",
    )?
    .execute(named_params! {
        ":group": group.as_str(),
        ":id": snapshot.id.to_string(),
        ":turn": commit.turn.to_string(),
        ":manifest": snapshot.manifest,
        ":digest": snapshot.digest.to_string(),
        ":bytes": stored(snapshot.bytes),
        ":files": stored(snapshot.files),
        ":now": commit.now.as_millis(),
    })?;
    Ok(())
}
