//! The calls a run makes.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blobs::BlobStore;
use proto::ids::{Epoch, GroupId, IdSource, SnapshotId, TurnId};
use proto::snapshot::{Manifest, SnapshotRef};
use proto::time::Clock;
use tokio::sync::Mutex as AsyncMutex;

use super::error::{Error, files};
use super::group::{Files, GroupState, remove_if_there};
use super::index::Index;
use super::metrics::Direction;
use super::progress::{Moved, watched};
use super::restore::{Stage, apply, fetch, fetch_manifest, plan};
use super::upload::{Scan, Upload};
use super::{Metrics, Quota, Root};
use crate::workspace::Owner;

/// What snapshots are made with.
pub struct Deps {
    /// Where contents lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Where this runner keeps what it knows of its local copies; out of agents' reach.
    pub state_dir: PathBuf,
    /// How much a group may keep.
    pub quota: Quota,
    /// Whom restored files belong to.
    pub owner: Owner,
    /// What is counted.
    pub metrics: Metrics,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Names of snapshots.
    pub ids: Arc<dyn IdSource>,
}

/// The snapshots of the groups this runner runs.
pub struct Snapshots {
    pub(super) deps: Deps,
    groups: Mutex<HashMap<GroupId, Arc<AsyncMutex<GroupState>>>>,
}

/// What came of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Bytes fetched from the store.
    pub bytes: u64,
    /// Names made or replaced on this host.
    pub files: u64,
}

impl Snapshots {
    /// Makes the directory for the state. Blocks.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(deps: Deps) -> io::Result<Self> {
        std::fs::create_dir_all(&deps.state_dir)?;
        Ok(Self {
            deps,
            groups: Mutex::default(),
        })
    }

    /// Brings the roots to the committed snapshot, which was read **after** the claim of `epoch`. No sandbox of the group runs. A
    /// local copy that is of this snapshot stays as it is, uncommitted changes included; without a snapshot the files stay too.
    /// `prepare` makes the roots' directories; nobody gives up the copy meanwhile ([`Snapshots::give_up`]).
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Blobs`], [`Error::Files`]. The files are as they were, except after `Files`.
    pub async fn restore(
        &self,
        group: &GroupId,
        epoch: Epoch,
        wanted: Option<&SnapshotRef>,
        prepare: impl FnOnce() -> io::Result<Vec<Root>>,
    ) -> Result<(Vec<Root>, Restored), Error> {
        let (state, disk) = (self.state(group), self.files(group));
        let mut state = state.lock().await;
        let roots = prepare().map_err(files("make the group's directories"))?;
        let fresh = state.epoch.is_none();
        if fresh {
            state.base = load(&disk).await?;
            state.sweep = disk.uploading.exists();
        }
        if let Some(wanted) = wanted
            && state.pending.as_ref().is_some_and(|pending| pending.row == *wanted)
        {
            // A commit in doubt that turned out to be one.
            state.commit(wanted);
        }
        let restored = match wanted {
            None => {
                state.sweep = true;
                state.base = None;
                NOTHING
            }
            Some(wanted) => self.bring(group, &mut state, &disk, wanted, &roots).await?,
        };
        state.pending = None;
        state.epoch = Some(epoch);
        Ok((roots, restored))
    }

    /// Uploads what changed since the committed snapshot. The row goes into the turn's transaction; none: nothing changed, the
    /// committed one stays.
    ///
    /// # Errors
    /// See [`Error::is_over_quota`] for what people must solve; the turn can be committed without a snapshot then.
    pub async fn take(
        &self,
        group: &GroupId,
        epoch: Epoch,
        turn: TurnId,
        roots: &[Root],
    ) -> Result<Option<SnapshotRef>, Error> {
        let (state, disk) = (self.state(group), self.files(group));
        let mut state = state.lock().await;
        if state.epoch != Some(epoch) {
            return Err(Error::NotRestored(epoch));
        }
        let (begun, moved) = (self.deps.clock.monotonic(), Arc::<Moved>::default());
        let taken = watched(
            group,
            "upload",
            &moved,
            self.upload(group, epoch, roots, &mut state, &disk, &moved),
        )
        .await;
        self.deps.metrics.read(moved.files());
        if taken.as_ref().is_err_and(Error::is_over_quota) {
            self.deps.metrics.refused();
        }
        let row = taken?;
        let took = self.deps.clock.monotonic().since(begun);
        if let Some(row) = &row {
            let (bytes, read, ms) = (moved.bytes(), moved.files(), took.as_millis() as u64);
            self.deps.metrics.observe(Direction::Upload, bytes, took);
            tracing::info!(
                group.id = %group, turn.id = %turn, lease.epoch = epoch.0, snapshot.id = %row.id, bytes, files = row.files, read, ms,
                "a snapshot was uploaded"
            );
        }
        Ok(row)
    }

    async fn upload(
        &self,
        group: &GroupId,
        epoch: Epoch,
        roots: &[Root],
        state: &mut GroupState,
        disk: &Files,
        moved: &Arc<Moved>,
    ) -> Result<Option<SnapshotRef>, Error> {
        let id = SnapshotId::fresh(self.deps.ids.as_ref());
        state.pending = None;
        let (mut base, started) = (state.base.clone(), &mut state.started);
        let mut note = |name: &blobs::BlobName| {
            // Before the blob: after a crash the next owner on this host knows that it must look.
            std::fs::write(&disk.uploading, b"").map_err(files("note that an upload began"))?;
            started.push(name.to_string());
            Ok(())
        };
        let (index, scanned) = loop {
            let scan = Scan {
                roots: roots.to_vec(),
                base: base.clone(),
                always: base.is_none() && state.base.is_some(),
                quota: self.deps.quota,
                probe: disk.probe.clone(),
                id,
                moved: Arc::clone(moved),
            };
            let upload = Upload {
                blobs: self.deps.blobs.as_ref(),
                group,
                epoch,
                id,
                based_on: base.as_ref().map(|base| base.store.clone()),
                put_to: None,
                started: &mut note,
                moved: Arc::clone(moved),
            };
            match upload.run(scan).await {
                // Nothing was put yet.
                Err(Error::StoreMadeAnew) => base = None,
                other => break other?,
            }
            tracing::warn!(group.id = %group, "the store of files has lost what it held: all files of the group are uploaded");
        };
        if index.is_none()
            && let Some(base) = &mut state.base
        {
            Arc::make_mut(base).refresh(scanned.stats);
        }
        let row = index.as_ref().map(|index| index.row.clone());
        state.pending = index;
        Ok(row)
    }

    /// Says that the transaction with this snapshot committed.
    ///
    /// # Errors
    /// When what is known of the local copy cannot be stored; the next restart reads the files again then.
    pub async fn committed(&self, group: &GroupId, snapshot: &SnapshotRef) -> Result<(), Error> {
        let (state, disk) = (self.state(group), self.files(group));
        let mut state = state.lock().await;
        if !state.commit(snapshot) {
            tracing::warn!(group.id = %group, snapshot.id = %snapshot.id, "a snapshot was committed that was not taken here");
            return Ok(());
        }
        match state.base.clone() {
            Some(base) => save(base, disk.index).await,
            None => Ok(()),
        }
    }

    /// Forgets what is in memory of a group, before its claim at this epoch ends. What a later claim has begun stays.
    pub fn released(&self, group: &GroupId, epoch: Epoch) {
        let mut groups = self.groups();
        let of_this_claim =
            |state: &Arc<AsyncMutex<GroupState>>| state.try_lock().is_ok_and(|state| state.epoch == Some(epoch));
        if groups.get(group).is_some_and(of_this_claim) {
            groups.remove(group);
        }
    }

    async fn bring(
        &self,
        group: &GroupId,
        state: &mut GroupState,
        disk: &Files,
        wanted: &SnapshotRef,
        roots: &[Root],
    ) -> Result<Restored, Error> {
        let trusted = state.base.take().filter(|base| base.is_of(roots));
        if let Some(base) = trusted.as_ref().filter(|base| base.row == *wanted) {
            state.base = Some(Arc::clone(base));
            return Ok(NOTHING);
        }
        state.sweep = true;
        let (begun, moved) = (self.deps.clock.monotonic(), Arc::<Moved>::default());
        let moving = self.fetch_and_apply(group, trusted.clone(), disk, wanted, roots, &moved);
        let index = watched(group, "restore", &moved, moving).await?;
        state.base = Some(Arc::new(index));
        let took = self.deps.clock.monotonic().since(begun);
        let restored = Restored {
            bytes: moved.bytes(),
            files: moved.files(),
        };
        self.deps.metrics.observe(Direction::Restore, restored.bytes, took);
        let (Restored { bytes, files }, ms) = (restored, took.as_millis() as u64);
        tracing::info!(group.id = %group, snapshot.id = %wanted.id, bytes, files, ms, "a snapshot was restored");
        Ok(restored)
    }

    async fn fetch_and_apply(
        &self,
        group: &GroupId,
        trusted: Option<Arc<Index>>,
        disk: &Files,
        wanted: &SnapshotRef,
        roots: &[Root],
        moved: &Arc<Moved>,
    ) -> Result<Index, Error> {
        let blobs = self.deps.blobs.as_ref();
        // Before the manifest: a store that has that has all that it refers to.
        let store = blobs.identity().await?;
        let manifest = Arc::new(fetch_manifest(blobs, wanted, moved).await?);
        let owner = self.deps.owner;
        let (all, list, of) = (roots.to_vec(), Arc::clone(&manifest), group.clone());
        let (planned, stage) = blocking(move || {
            let planned = plan(&all, &list, trusted.as_deref())?;
            let stage = Stage::open(&all, &of, owner).map_err(files("make a staging directory"))?;
            Ok((planned, Arc::new(stage)))
        })
        .await?;
        let fetched = fetch(blobs, roots, &manifest, planned, &stage, moved).await;
        let (all, disk, moved) = (roots.to_vec(), disk.clone(), Arc::clone(moved));
        let of = (wanted.clone(), store);
        blocking(move || {
            let stage =
                Arc::try_unwrap(stage).map_err(|_| files("use a staging directory")(io::Error::other("in use")))?;
            let applied = fetched.and_then(|plan| {
                plan.make.iter().for_each(|_| moved.add_file());
                put_in_place(&all, owner, &disk, &manifest, &plan, &stage, of)
            });
            let removed = stage.remove().map_err(files("remove a staging directory"));
            applied.and_then(|index| removed.map(|()| index))
        })
        .await
    }

    pub(super) fn state(&self, group: &GroupId) -> Arc<AsyncMutex<GroupState>> {
        Arc::clone(self.groups().entry(group.clone()).or_default())
    }

    pub(super) fn files(&self, group: &GroupId) -> Files {
        Files::of(&self.deps.state_dir, group)
    }

    pub(super) fn groups(&self) -> MutexGuard<'_, HashMap<GroupId, Arc<AsyncMutex<GroupState>>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOTHING: Restored = Restored { bytes: 0, files: 0 };

fn put_in_place(
    roots: &[Root],
    owner: Owner,
    disk: &Files,
    manifest: &Manifest,
    plan: &super::restore::Plan,
    stage: &Stage,
    (row, store): (SnapshotRef, String),
) -> Result<Index, Error> {
    // From here on the tree is of no snapshot until all is done.
    remove_if_there(&disk.index).map_err(files("forget the old index"))?;
    let stats = apply(roots, owner, manifest, plan, stage)?;
    let index = Index::new(row, manifest.clone(), store, stats, roots);
    index.save(&disk.index).map_err(files("store the index"))?;
    Ok(index)
}

pub(super) async fn load(disk: &Files) -> Result<Option<Arc<Index>>, Error> {
    let file = disk.index.clone();
    blocking(move || Ok(Index::load(&file).map(Arc::new))).await
}

async fn save(index: Arc<Index>, file: PathBuf) -> Result<(), Error> {
    blocking(move || index.save(&file).map_err(files("store the index"))).await
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| files("work on the group's files")(io::Error::other(error)))?
}
