//! Which chunks are stored already, and where.

use std::collections::HashMap;

use super::{Digest, Manifest, Pack, Part};

/// Where a chunk lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Name of the pack.
    pub pack: String,
    /// Offset in it.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u32,
}

/// The chunks of the committed manifest and of the packs written since. Only these may be referred to: a chunk of any other
/// blob may be collected at any time.
#[derive(Clone, Debug, Default)]
pub struct Known {
    packs: Vec<Pack>,
    chunks: HashMap<Digest, (u32, u64, u32)>,
}

impl Known {
    /// The chunks of a committed manifest.
    pub fn of(base: Option<&Manifest>) -> Self {
        let mut known = Self::default();
        if let Some(base) = base {
            known.packs.clone_from(&base.packs);
            for part in base.entries.iter().flat_map(|entry| entry.kind.parts()) {
                if let Part::Chunk(pack, offset, bytes, digest) = *part {
                    known.chunks.insert(digest, (pack, offset, bytes));
                }
            }
        }
        known
    }

    /// Adds a pack, whose chunks follow; returns its position.
    pub fn add_pack(&mut self, name: String) -> u32 {
        self.packs.push(Pack { name, bytes: 0 });
        u32::try_from(self.packs.len() - 1).expect("quotas bound packs far below")
    }

    /// Appends a chunk to a pack that was added; a chunk known before counts as being here from now on.
    pub fn add_chunk(&mut self, pack: u32, digest: Digest, bytes: u32) -> Part {
        let entry = &mut self.packs[pack as usize];
        let offset = entry.bytes;
        entry.bytes += u64::from(bytes);
        self.chunks.insert(digest, (pack, offset, bytes));
        Part::Chunk(pack, offset, bytes, digest)
    }

    /// The part that stands for a chunk, if it is stored.
    pub fn part(&self, digest: Digest, bytes: u32) -> Option<Part> {
        let (pack, offset, stored) = *self.chunks.get(&digest)?;
        (stored == bytes).then_some(Part::Chunk(pack, offset, bytes, digest))
    }

    /// The packs, as parts refer to them. Some may not be referred to any more: see [`Known::into_manifest`].
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Moves every chunk to where it is known to lie now, and leaves out packs that nothing refers to.
    pub fn into_manifest(self, mut manifest: Manifest) -> Manifest {
        let mut moved: HashMap<u32, u32> = HashMap::new();
        let mut packs = Vec::new();
        for part in manifest.entries.iter_mut().flat_map(|entry| match &mut entry.kind {
            super::Kind::File(_, _, parts) => parts.iter_mut(),
            super::Kind::Dir | super::Kind::Link(_) => [].iter_mut(),
        }) {
            let Part::Chunk(pack, offset, bytes, digest) = part else {
                continue;
            };
            if let Some((now, at, stored)) = self.chunks.get(digest)
                && stored == bytes
            {
                (*pack, *offset) = (*now, *at);
            }
            *pack = *moved.entry(*pack).or_insert_with(|| {
                packs.push(self.packs[*pack as usize].clone());
                u32::try_from(packs.len() - 1).expect("no more than before")
            });
        }
        manifest.packs = packs;
        manifest
    }
}
