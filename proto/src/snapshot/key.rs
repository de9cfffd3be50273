//! Names of a group's blobs: `groups/<group>/<epoch>-<snapshot>-<n>.pack` and `groups/<group>/<epoch>-<snapshot>.manifest`.
//!
//! The epoch in the name is what collection relies on ([`decide_garbage`](super::decide_garbage)); the snapshot's id makes sure
//! that no name is ever used twice.

use std::fmt;

use crate::ids::{Epoch, GroupId, SnapshotId};

/// The name of one blob, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobKey {
    /// Whose it is.
    pub group: GroupId,
    /// Under which claim it was written.
    pub epoch: Epoch,
    /// For which snapshot it was written first.
    pub snapshot: SnapshotId,
    /// What it is.
    pub kind: BlobKind,
}

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobKind {
    /// The n-th pack of a snapshot.
    Pack(u32),
    /// Its manifest.
    Manifest,
}

/// What the names of all blobs of a group begin with.
pub fn prefix_of(group: &GroupId) -> String {
    format!("groups/{group}/")
}

impl BlobKey {
    /// Takes a name apart; none for a name that we never gave.
    pub fn parse(name: &str) -> Option<Self> {
        let (group, file) = name.strip_prefix("groups/")?.split_once('/')?;
        let (stem, kind) = file.rsplit_once('.')?;
        let (epoch, rest) = stem.split_once('-')?;
        let (snapshot, kind) = match kind {
            "manifest" => (rest, BlobKind::Manifest),
            "pack" => {
                let (snapshot, number) = rest.rsplit_once('-')?;
                (snapshot, BlobKind::Pack(number.parse().ok()?))
            }
            _ => return None,
        };
        let key = Self {
            group: group.parse().ok()?,
            epoch: Epoch(epoch.parse().ok()?),
            snapshot: snapshot.parse().ok()?,
            kind,
        };
        // Only the one way of writing it: two names for one key would be two blobs.
        (key.to_string() == name).then_some(key)
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            epoch,
            snapshot,
            kind,
        } = self;
        match kind {
            BlobKind::Pack(number) => write!(f, "groups/{group}/{epoch}-{snapshot}-{number}.pack"),
            BlobKind::Manifest => write!(f, "groups/{group}/{epoch}-{snapshot}.manifest"),
        }
    }
}
