//! The manifest: what a snapshot consists of, as compact JSON.
//!
//! Invariant: a [`Manifest`] that was parsed is whole: sorted, every name in a directory of its own list, every chunk inside
//! a pack it names, every file's parts as long as the file. Whoever restores it never meets a path that leads elsewhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Digest, LinkTarget, TreePath};
use crate::ids::SnapshotId;

/// The one format there is; another number is a newer program's.
const VERSION: u32 = 1;

/// What a snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// The snapshot.
    pub id: SnapshotId,
    /// The packs its chunks lie in; parts refer to them by position.
    pub packs: Vec<Pack>,
    /// Everything in it, by path in ascending order of bytes, so a directory goes before what is in it.
    pub entries: Vec<Entry>,
}

/// A blob of chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// The blob's name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// One name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    #[serde(rename = "p")]
    pub path: TreePath,
    /// What.
    #[serde(rename = "k")]
    pub kind: Kind,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory.
    #[serde(rename = "d")]
    Dir,
    /// A symbolic link.
    #[serde(rename = "l")]
    Link(LinkTarget),
    /// A file: whether its owner may execute it, its length in bytes, what it is made of.
    #[serde(rename = "f")]
    File(bool, u64, Vec<Part>),
}

/// A piece of a file. Pieces follow one another without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// Zeros, this many, stored nowhere.
    Hole(u64),
    /// A chunk: pack (position in [`Manifest::packs`]), offset and length in it, digest of its bytes.
    Chunk(u32, u64, u32, Digest),
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is no JSON of this shape.
    #[error("it is not in the form of a manifest: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A newer program wrote it.
    #[error("it has format {0}, this program knows {VERSION}: update this runner")]
    Version(u32),
    /// It contradicts itself.
    #[error("it contradicts itself at {0}")]
    Inconsistent(String),
}

impl Part {
    /// Bytes of the file it covers.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Hole(bytes) => *bytes,
            Self::Chunk(_, _, bytes, _) => u64::from(*bytes),
        }
    }

    /// The same contents, wherever they lie.
    fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hole(one), Self::Hole(two)) => one == two,
            (Self::Chunk(_, _, one, digest), Self::Chunk(_, _, two, other)) => one == two && digest == other,
            (Self::Hole(_), Self::Chunk(..)) | (Self::Chunk(..), Self::Hole(_)) => false,
        }
    }
}

impl Kind {
    /// The same contents, wherever they lie.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dir, Self::Dir) => true,
            (Self::Link(one), Self::Link(two)) => one == two,
            (Self::File(one_exec, one_size, one), Self::File(two_exec, two_size, two)) => {
                one_exec == two_exec
                    && one_size == two_size
                    && one.len() == two.len()
                    && one.iter().zip(two).all(|(one, two)| one.is_same_as(two))
            }
            (Self::Dir | Self::Link(_) | Self::File(..), _) => false,
        }
    }

    /// The chunks of a file; nothing for anything else.
    pub fn parts(&self) -> &[Part] {
        match self {
            Self::File(_, _, parts) => parts,
            Self::Dir | Self::Link(_) => &[],
        }
    }
}

impl Manifest {
    /// A manifest of these parts; `entries` in order.
    pub fn new(id: SnapshotId, packs: Vec<Pack>, entries: Vec<Entry>) -> Self {
        Self {
            version: VERSION,
            id,
            packs,
            entries,
        }
    }

    /// Reads a manifest and checks it.
    ///
    /// # Errors
    /// [`InvalidManifest`].
    pub fn parse(json: &[u8]) -> Result<Self, InvalidManifest> {
        let manifest: Self = serde_json::from_slice(json)?;
        if manifest.version != VERSION {
            return Err(InvalidManifest::Version(manifest.version));
        }
        manifest.validate()?;
        Ok(manifest)
    }

    /// Its text.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("no map with other keys than text, no failing serializer")
    }

    /// Bytes of all its files together, holes not counted.
    pub fn bytes(&self) -> u64 {
        let parts = self.entries.iter().flat_map(|entry| entry.kind.parts());
        parts.fold(0, |sum, part| match part {
            Part::Hole(_) => sum,
            Part::Chunk(..) => sum.saturating_add(part.bytes()),
        })
    }

    /// The same tree, wherever its bytes lie.
    pub fn is_same_tree(&self, entries: &[Entry]) -> bool {
        self.entries.len() == entries.len()
            && self
                .entries
                .iter()
                .zip(entries)
                .all(|(one, two)| one.path == two.path && one.kind.is_same_as(&two.kind))
    }

    fn validate(&self) -> Result<(), InvalidManifest> {
        let mut dirs: BTreeSet<&[u8]> = BTreeSet::new();
        let mut before: Option<&TreePath> = None;
        for entry in &self.entries {
            let wrong = || InvalidManifest::Inconsistent(entry.path.to_string());
            let bytes = entry.path.as_bytes();
            let in_dir = match bytes.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => dirs.contains(&bytes[..slash]),
                None => entry.kind == Kind::Dir,
            };
            if !in_dir || before.is_some_and(|before| before >= &entry.path) || !self.holds_parts_of(&entry.kind) {
                return Err(wrong());
            }
            if entry.kind == Kind::Dir {
                dirs.insert(bytes);
            }
            before = Some(&entry.path);
        }
        Ok(())
    }

    fn holds_parts_of(&self, kind: &Kind) -> bool {
        let Kind::File(_, size, parts) = kind else {
            return true;
        };
        let stored = |part: &Part| match part {
            Part::Hole(bytes) => *bytes > 0,
            Part::Chunk(pack, offset, bytes, _) => {
                let pack = usize::try_from(*pack).ok().and_then(|pack| self.packs.get(pack));
                let end = offset.checked_add(u64::from(*bytes));
                *bytes > 0 && pack.is_some_and(|pack| end.is_some_and(|end| end <= pack.bytes))
            }
        };
        let sum = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes()));
        sum == Some(*size) && i64::try_from(*size).is_ok() && parts.iter().all(stored)
    }
}
