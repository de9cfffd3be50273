//! Copies of groups' files that stayed behind when their groups moved on to other runners.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use proto::ids::GroupId;
use proto::snapshot::SnapshotRef;
use proto::time::Timestamp;
use tokio::sync::Mutex as AsyncMutex;

use super::error::{Error, files};
use super::group::{Files, GroupState, INDEX, remove_if_there};
use super::restore::fetch_manifest;
use super::snapshots::{blocking, load};
use super::{Moved, Snapshots};

impl Snapshots {
    /// Groups whose files were last committed or brought here before this time.
    ///
    /// # Errors
    /// [`Error::Files`].
    pub async fn resting_since(&self, before: Timestamp) -> Result<Vec<GroupId>, Error> {
        let dir = self.deps.state_dir.clone();
        blocking(move || resting_since(&dir, before).map_err(files("list what is known of groups' files"))).await
    }

    /// Has the copy of a group's files removed if it is of another snapshot than the committed one, and the store has that. Nothing
    /// happens while the group runs here, or where the copy may hold changes that nobody else has. Returns whether it was removed;
    /// what could not be removed is found again by the next call.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::Blobs`] when the store does not give the committed snapshot: this copy may be all there is.
    /// [`Error::Files`].
    pub async fn give_up(
        &self,
        group: &GroupId,
        committed: &SnapshotRef,
        remove: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<bool, Error> {
        let state = self.state(group);
        let given_up = self.give_up_held(&state, self.files(group), committed, remove).await;
        // Unless somebody waits for it: two locks of a group would be none.
        let mut groups = self.groups();
        if Arc::strong_count(&state) == 2 && state.try_lock().is_ok_and(|state| state.epoch.is_none()) {
            groups.remove(group);
        }
        given_up
    }

    async fn give_up_held(
        &self,
        state: &Arc<AsyncMutex<GroupState>>,
        disk: Files,
        committed: &SnapshotRef,
        remove: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<bool, Error> {
        let held = Arc::clone(state).lock_owned().await;
        if held.epoch.is_some() || load(&disk).await?.is_none_or(|copy| copy.row == *committed) {
            return Ok(false);
        }
        fetch_manifest(self.deps.blobs.as_ref(), committed, &Moved::default()).await?;
        blocking(move || {
            let removed = remove_copy(&disk, remove).map_err(files("remove the files of a group that moved on"));
            // Not before, whoever has stopped waiting for this.
            drop(held);
            removed
        })
        .await?;
        Ok(true)
    }
}

fn resting_since(state_dir: &Path, before: Timestamp) -> io::Result<Vec<GroupId>> {
    let mut groups = Vec::new();
    for entry in std::fs::read_dir(state_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let group = name.to_str().and_then(|name| name.strip_suffix(INDEX));
        let Some(group) = group.and_then(|name| GroupId::parse(name).ok()) else {
            continue;
        };
        let written = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH);
        if Timestamp::default() + written.unwrap_or_default() < before {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// The index goes last: as long as it is there, so may be files. What it says of those that are gone is not believed, since it is of
/// another snapshot than the one a restore would bring.
fn remove_copy(disk: &Files, remove: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    remove()?;
    [&disk.uploading, &disk.probe, &disk.index]
        .into_iter()
        .try_for_each(|file| remove_if_there(file))
}
