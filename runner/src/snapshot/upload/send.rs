//! Puts packs while the tree is read, then the manifest.

use std::sync::Arc;

use blobs::{BlobName, BlobStore};
use bytes::Bytes;
use proto::ids::{Epoch, GroupId, SnapshotId};
use proto::snapshot::{BlobKey, BlobKind, Manifest, SnapshotRef};
use tokio::sync::mpsc;

use super::packer::Sealed;
use super::{Packer, Scan, Scanned};
use crate::snapshot::Moved;
use crate::snapshot::error::{Error, files};
use crate::snapshot::index::Index;
use crate::snapshot::tree::digest;

/// One upload.
pub(in crate::snapshot) struct Upload<'a> {
    pub(in crate::snapshot) blobs: &'a dyn BlobStore,
    pub(in crate::snapshot) group: &'a GroupId,
    pub(in crate::snapshot) epoch: Epoch,
    pub(in crate::snapshot) id: SnapshotId,
    /// Identity of the store that holds what the snapshot before refers to; none: it starts from none.
    pub(in crate::snapshot) based_on: Option<String>,
    /// Identity of the store that is put to; none before the first put.
    pub(in crate::snapshot) put_to: Option<String>,
    /// Told of every blob before it is put, so that none is forgotten.
    pub(in crate::snapshot) started: &'a mut (dyn FnMut(&BlobName) -> Result<(), Error> + Send),
    pub(in crate::snapshot) moved: Arc<Moved>,
}

impl Upload<'_> {
    /// Uploads what is new. The second is what is known of the tree now; none for the first: nothing changed.
    pub(in crate::snapshot) async fn run(mut self, scan: Scan) -> Result<(Option<Index>, Scanned), Error> {
        let (out, mut packs) = mpsc::channel::<Sealed>(1);
        let base = scan.base.as_ref().map(|base| &base.manifest);
        let packer = Packer::new(self.group, self.epoch, self.id, base, out);
        let roots = scan.roots.clone();
        let reading = tokio::task::spawn_blocking(move || scan.run(packer));
        let mut failed = None;
        while let Some((name, content)) = packs.recv().await {
            if let Err(error) = self.put(&name, content).await {
                failed = Some(error);
                // The reading ends at its next pack.
                packs.close();
                break;
            }
        }
        let scanned = reading
            .await
            .map_err(|error| files("read the group's files")(std::io::Error::other(error)))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut scanned = scanned?;
        let Some(manifest) = scanned.manifest.take() else {
            return Ok((None, scanned));
        };
        let row = self.put_manifest(&manifest).await?;
        let store = self.blobs.identity().await?;
        if self.put_to.as_ref() != Some(&store) {
            // What was put first may be lost.
            let doing = format!("keep snapshot {}", self.id);
            return Err(blobs::Error::unavailable(doing, "it was made anew meanwhile").into());
        }
        let stats = std::mem::take(&mut scanned.stats);
        Ok((Some(Index::new(row, manifest, store, stats, &roots)), scanned))
    }

    async fn put_manifest(&mut self, manifest: &Manifest) -> Result<SnapshotRef, Error> {
        let key = BlobKey {
            group: self.group.clone(),
            epoch: self.epoch,
            snapshot: self.id,
            kind: BlobKind::Manifest,
        };
        let json = manifest.to_json();
        let row = SnapshotRef {
            id: self.id,
            manifest: key.to_string(),
            digest: digest(&json),
            bytes: manifest.bytes(),
            files: manifest.entries.len() as u64,
        };
        let name = BlobName::parse(&row.manifest).expect("keys are names");
        self.put(&name, json.into()).await?;
        Ok(row)
    }

    async fn put(&mut self, name: &BlobName, content: Bytes) -> Result<(), Error> {
        if self.put_to.is_none() {
            // No sooner: a turn that changed nothing needs no store.
            let store = self.blobs.identity().await?;
            if self.based_on.as_ref().is_some_and(|based_on| *based_on != store) {
                return Err(Error::StoreMadeAnew);
            }
            self.put_to = Some(store);
        }
        (self.started)(name)?;
        let bytes = content.len() as u64;
        self.blobs.put(name, content).await?;
        self.moved.add_bytes(bytes);
        Ok(())
    }
}
