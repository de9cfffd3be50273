//! Puts new chunks into packs.

use std::io;

use blobs::BlobName;
use bytes::Bytes;
use proto::ids::{Epoch, GroupId, SnapshotId};
use proto::snapshot::{BlobKey, BlobKind, Digest, Known, Manifest, Part};
use tokio::sync::mpsc;

use crate::snapshot::tree::digest;

/// Longest pack in bytes: bounds what lies in memory, and what a repack writes anew.
const PACK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A blob that is ready to be put.
pub(in crate::snapshot) type Sealed = (BlobName, Bytes);

/// Collects chunks that are stored nowhere yet.
pub(in crate::snapshot) struct Packer {
    key: BlobKey,
    known: Known,
    /// The pack being filled: its position and contents.
    open: Option<(u32, Vec<u8>)>,
    sealed: u32,
    out: mpsc::Sender<Sealed>,
}

impl Packer {
    pub(in crate::snapshot) fn new(
        group: &GroupId,
        epoch: Epoch,
        snapshot: SnapshotId,
        base: Option<&Manifest>,
        out: mpsc::Sender<Sealed>,
    ) -> Self {
        let key = BlobKey {
            group: group.clone(),
            epoch,
            snapshot,
            kind: BlobKind::Pack(0),
        };
        Self {
            key,
            known: Known::of(base),
            open: None,
            sealed: 0,
            out,
        }
    }

    /// Says where a chunk is stored, packing it if it is nowhere.
    pub(in crate::snapshot) fn store(&mut self, chunk: &[u8]) -> io::Result<Part> {
        let digest = digest(chunk);
        match self.known.part(digest, length(chunk)) {
            Some(part) => Ok(part),
            None => self.pack(digest, chunk),
        }
    }

    /// Packs a chunk of this digest, wherever else it may be stored.
    pub(in crate::snapshot) fn pack(&mut self, digest: Digest, chunk: &[u8]) -> io::Result<Part> {
        if self
            .open
            .as_ref()
            .is_some_and(|(_, content)| content.len() + chunk.len() > PACK_BYTES_MAX)
        {
            self.seal()?;
        }
        if self.open.is_none() {
            self.key.kind = BlobKind::Pack(self.sealed);
            self.open = Some((self.known.add_pack(self.key.to_string()), Vec::new()));
        }
        let (pack, content) = self.open.as_mut().expect("just opened");
        content.extend_from_slice(chunk);
        Ok(self.known.add_chunk(*pack, digest, length(chunk)))
    }

    fn seal(&mut self) -> io::Result<()> {
        let Some((_, content)) = self.open.take() else {
            return Ok(());
        };
        self.sealed += 1;
        let name = BlobName::parse(&self.key.to_string()).expect("keys are names");
        // Nobody takes it any more: the upload failed or was given up.
        self.out
            .blocking_send((name, content.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Hands over the last pack; gives back what is stored now.
    pub(in crate::snapshot) fn finish(mut self) -> io::Result<Known> {
        self.seal()?;
        Ok(self.known)
    }

    /// Moves a manifest's chunks to where they are stored now, for deciding about packs.
    pub(in crate::snapshot) fn preview(&self, manifest: Manifest) -> Manifest {
        self.known.clone().into_manifest(manifest)
    }
}

fn length(chunk: &[u8]) -> u32 {
    u32::try_from(chunk.len()).expect("chunks are far smaller")
}
