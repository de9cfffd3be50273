//! Which blobs nobody can ever need again.
//!
//! **Who may delete.** The owner of a group at epoch `e` that read the committed manifest `M` after its claim may delete every
//! blob of the group whose name has an epoch below `e` and that `M` does not refer to. Proof: a blob is referred to by the
//! newest commit or not at all. Commits of epochs below `e` are fenced from the claim on, so the newest commit is `M` or one of an
//! epoch `>= e`. Those refer only to blobs of the manifest they started from, which is `M` or goes back to it step by step, and to
//! blobs they wrote themselves, whose names have their own epoch. So a blob of an epoch below `e` that `M` lacks is in none of
//! them. It does not matter when the deletion happens, or whether the deleter still owns the group by then. What a fenced owner
//! uploads later is garbage under an old epoch, and found by the next owner.
//!
//! **At a commit.** With the commit of `N`, made at epoch `e` from `M`, the owner may delete what `M` referred to and `N` does not
//! ([`decide_replaced`]): later commits go back to `N`.

use std::collections::HashSet;

use super::{BlobKey, Manifest, SnapshotRef};
use crate::ids::{Epoch, GroupId};

/// Decides which of the listed blobs the owner at `epoch` may delete, having read the committed snapshot after its claim.
/// Names that we never gave are left alone.
pub fn decide_garbage<'a>(
    listed: impl IntoIterator<Item = &'a str>,
    group: &GroupId,
    epoch: Epoch,
    committed: Option<(&SnapshotRef, &Manifest)>,
) -> Vec<&'a str> {
    let needed = committed.map_or_else(HashSet::new, |(row, manifest)| referred(row, manifest));
    let is_garbage = |name: &&str| {
        let old = BlobKey::parse(name).is_some_and(|key| key.group == *group && key.epoch < epoch);
        old && !needed.contains(name)
    };
    listed.into_iter().filter(is_garbage).collect()
}

/// Decides what a commit made superfluous: blobs of the snapshot before that the new one does not refer to.
pub fn decide_replaced(before: (&SnapshotRef, &Manifest), now: (&SnapshotRef, &Manifest)) -> Vec<String> {
    let needed = referred(now.0, now.1);
    let mut gone: Vec<String> = referred(before.0, before.1)
        .difference(&needed)
        .map(|name| (*name).to_owned())
        .collect();
    gone.sort_unstable();
    gone
}

fn referred<'a>(row: &'a SnapshotRef, manifest: &'a Manifest) -> HashSet<&'a str> {
    let packs = manifest.packs.iter().map(|pack| pack.name.as_str());
    packs.chain([row.manifest.as_str()]).collect()
}
