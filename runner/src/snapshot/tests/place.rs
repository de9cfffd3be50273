//! Runners with directories, and trees described so that they can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use proto::ids::{Epoch, GroupId, TurnId};
use proto::snapshot::SnapshotRef;
use proto::time::Timestamp;
use service::clock::SystemClock;
use service::ids::RandomIds;
use uuid::Uuid;

use super::counting::Counting;
use crate::snapshot::tree::fs_now;
use crate::snapshot::{Deps, Error, Exclude, Metrics, Quota, Restored, Root, Snapshots};
use crate::workspace::{Owner, effective_uid};

const EXCLUDED: &[Exclude] = &[Exclude::Below("projects", ".jsonl"), Exclude::Path("cache")];

pub(super) fn group() -> GroupId {
    GroupId::parse("team").unwrap()
}

/// One runner.
pub(super) struct Place {
    pub(super) dir: tempfile::TempDir,
    pub(super) blobs: Arc<Counting>,
    pub(super) snapshots: Snapshots,
    quota: Quota,
}

impl Place {
    pub(super) fn new(blobs: &Arc<Counting>) -> Self {
        Self::with_quota(blobs, Quota::of_mb(64))
    }

    pub(super) fn with_quota(blobs: &Arc<Counting>, quota: Quota) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = open(dir.path(), blobs, quota);
        let blobs = Arc::clone(blobs);
        Self {
            dir,
            blobs,
            snapshots,
            quota,
        }
    }

    /// The process ends and another one starts in the same directories.
    pub(super) fn restart(&mut self) {
        self.snapshots = open(self.dir.path(), &self.blobs, self.quota);
    }

    pub(super) fn roots(&self) -> Vec<Root> {
        let root = |name, excluded| Root {
            name,
            path: self.dir.path().join(name),
            excluded,
        };
        vec![root("claude", EXCLUDED), root("workspace", &[])]
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(super) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(super) async fn restore(&self, epoch: i64, wanted: Option<&SnapshotRef>) -> Result<Restored, Error> {
        let restored = self
            .snapshots
            .restore(&group(), Epoch(epoch), wanted, || Ok(self.roots()))
            .await;
        restored.map(|(_, restored)| restored)
    }

    pub(super) async fn take(&self, epoch: i64) -> Result<Option<SnapshotRef>, Error> {
        self.snapshots
            .take(&group(), Epoch(epoch), TurnId(Uuid::nil()), &self.roots())
            .await
    }

    /// Takes a snapshot of a tree that changed, and commits it.
    pub(super) async fn commit(&self, epoch: i64) -> SnapshotRef {
        let row = self.take(epoch).await.unwrap().expect("the tree changed");
        self.snapshots.committed(&group(), &row).await.unwrap();
        row
    }

    pub(super) async fn rests_since(&self, before: Timestamp) -> bool {
        self.snapshots.resting_since(before).await.unwrap().contains(&group())
    }

    /// Has the copy removed, if it is to be.
    pub(super) async fn give_up(&self, committed: &SnapshotRef) -> bool {
        let roots: Vec<_> = self.roots().into_iter().filter(|root| root.path.exists()).collect();
        let remove = move || roots.iter().try_for_each(|root| fs::remove_dir_all(&root.path));
        self.give_up_by(committed, remove).await.unwrap()
    }

    pub(super) async fn give_up_by(
        &self,
        committed: &SnapshotRef,
        remove: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<bool, Error> {
        self.snapshots.give_up(&group(), committed, remove).await
    }

    /// Files read by this process so far.
    pub(super) fn files_read(&self) -> u64 {
        self.snapshots.deps.metrics.files_read()
    }

    /// Waits until files written before are old enough to be known by their stat.
    pub(super) fn settle(&self) {
        let probe = self.path("probe");
        let written = fs_now(&probe).unwrap();
        while !settled(written, fs_now(&probe).unwrap()) {
            std::thread::yield_now();
        }
    }

    /// Everything in the roots that a snapshot keeps.
    pub(super) fn tree(&self) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        for name in ["claude", "workspace"] {
            describe(self.dir.path(), &self.path(name), &mut tree);
        }
        tree
    }
}

fn settled(then: i64, now: i64) -> bool {
    now - then > 25_000_000
}

fn open(dir: &Path, blobs: &Arc<Counting>, quota: Quota) -> Snapshots {
    Snapshots::open(Deps {
        blobs: Arc::clone(blobs) as Arc<dyn blobs::BlobStore>,
        state_dir: dir.join("snapshots"),
        quota,
        owner: Owner::new(effective_uid(1000)),
        metrics: Metrics::register(&mut Registry::default()),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    })
    .unwrap()
}

fn describe(base: &Path, path: &Path, tree: &mut BTreeMap<String, String>) {
    let Ok(meta) = path.symlink_metadata() else { return };
    let name = format!("{:?}", path.strip_prefix(base).unwrap());
    let kind = meta.file_type();
    let text = if kind.is_symlink() {
        format!("-> {:?}", fs::read_link(path).unwrap())
    } else if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            describe(base, &entry.unwrap().path(), tree);
        }
        "dir".to_owned()
    } else {
        let contents = fs::read(path).unwrap();
        let executable = meta.permissions().mode() & 0o100 != 0;
        format!("{executable} {} {}", meta.len(), blake3::hash(&contents))
    };
    tree.insert(name, text);
}

pub(super) fn stored_bytes(path: &Path) -> u64 {
    path.metadata().unwrap().blocks() * 512
}
