//! How much a group may keep.

/// Bounds on one group's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all files together, holes not counted.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: usize,
}

impl Quota {
    /// Names a group may have: a manifest of some 15 MiB, which travels with every change.
    pub const ENTRIES_MAX: usize = 100_000;

    /// A quota of this many MiB.
    pub fn of_mb(megabytes: u64) -> Self {
        Self {
            bytes: megabytes.saturating_mul(1024 * 1024),
            entries: Self::ENTRIES_MAX,
        }
    }
}
