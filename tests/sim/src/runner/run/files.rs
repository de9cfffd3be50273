//! The group's files around a turn, call for call as in the runner's `snapshot`: brought here before the first sandbox of a
//! claim, uploaded before each commit, tidied up after it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use std::time::Duration;

use proto::ids::{GroupId, SnapshotId};
use proto::lease::Trust;
use proto::snapshot::{
    BlobKey, BlobKind, Digest, Entry, Kind, Known, Manifest, Part, SnapshotRef, TreePath, decide_fetches,
    decide_garbage, decide_repack, decide_replaced, prefix_of,
};

use super::GroupRun;
use crate::exec::Process;
use crate::fences::Fence;
use crate::network::{Blobs, NoAnswer};
use crate::runner::Stop;
use crate::sandbox::{Disk, Tree};

/// Wait before an upload is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Every file is one chunk of this size.
const CHUNK: u32 = 8;

/// What a run knows of its group's snapshots.
#[derive(Default)]
pub(super) struct Files {
    disk: Rc<RefCell<Disk>>,
    restored: bool,
    base: Option<Base>,
    pending: Option<Base>,
    /// Blobs put since the last commit, whether or not a commit refers to them.
    started: Rc<RefCell<Vec<String>>>,
    garbage: Vec<String>,
    sweep: bool,
}

type Base = (SnapshotRef, Manifest);

/// Why the files are not here.
pub(super) enum NotHere {
    /// The store of blobs gave no answer.
    Away,
    /// It lacks something.
    Damaged(String),
}

impl From<NoAnswer> for NotHere {
    fn from(_: NoAnswer) -> Self {
        Self::Away
    }
}

/// A snapshot that is to be committed, and what must be in the store before.
pub(super) struct Upload {
    pub(super) row: SnapshotRef,
    manifest: Manifest,
    blobs: Vec<(String, Vec<u8>)>,
}

impl Files {
    pub(super) fn on(disk: Rc<RefCell<Disk>>) -> Self {
        Self {
            disk,
            ..Self::default()
        }
    }
}

impl GroupRun {
    fn has_files(&self) -> bool {
        self.runner.world.plan.files
    }

    /// Brings the files to the committed snapshot, once in a claim.
    pub(super) async fn restore_files(&mut self, wanted: Option<&SnapshotRef>) -> Result<(), NotHere> {
        if !self.has_files() || self.files.restored {
            return Ok(());
        }
        let files = &mut self.files;
        files.base.clone_from(&files.disk.borrow().base);
        files.sweep |= files.disk.borrow().uploading;
        match wanted {
            None => (files.base, files.sweep) = (None, true),
            Some(wanted) if files.base.as_ref().is_some_and(|(row, _)| row == wanted) => {}
            Some(wanted) => {
                files.sweep = true;
                let (blobs, me) = (&self.runner.world.blobs, &self.runner.me);
                let (manifest, tree) = fetch(blobs, me, wanted).await?;
                let base = Some((wanted.clone(), manifest));
                if self.runner.world.stands(Fence::RestoreFirst) {
                    let mut disk = files.disk.borrow_mut();
                    (disk.tree, disk.base) = (tree, base.clone());
                }
                files.base = base;
            }
        }
        files.restored = true;
        Ok(())
    }

    /// What changed since the committed snapshot; none: nothing did.
    pub(super) fn scan_files(&mut self) -> Option<Upload> {
        if !self.has_files() || !self.files.restored {
            return None;
        }
        let tree = self.files.disk.borrow().tree.clone();
        let id = SnapshotId::fresh(&self.runner.world.ids);
        let key = |kind| BlobKey {
            group: self.claimed.fence.group.clone(),
            epoch: self.claimed.fence.epoch,
            snapshot: id,
            kind,
        };
        let base = self.files.base.as_ref().map(|(_, manifest)| manifest);
        let (manifest, pack) = pack(&tree, base, id, &key(BlobKind::Pack(0)))?;
        let name = key(BlobKind::Manifest).to_string();
        let row = SnapshotRef {
            id,
            manifest: name.clone(),
            digest: digest(0),
            bytes: manifest.bytes(),
            files: manifest.entries.len() as u64,
        };
        let mut blobs: Vec<_> = pack.into_iter().collect();
        blobs.push((name, manifest.to_json()));
        Some(Upload { row, manifest, blobs })
    }

    /// Uploads it, however long the store is away while the lease lasts; `false`: the lease ended first.
    pub(super) async fn upload_files(&mut self, upload: &Upload) -> bool {
        let (runner, files) = (Rc::clone(&self.runner), &mut self.files);
        for (name, content) in &upload.blobs {
            files.disk.borrow_mut().uploading = true;
            files.started.borrow_mut().push(name.clone());
            while runner.world.blobs.put(&runner.me, name, content.clone()).await.is_err() {
                if *runner.trust.borrow() == Trust::Lost || *runner.stop.borrow() == Stop::Hard {
                    return false;
                }
                runner.me.sleep(AGAIN).await;
            }
        }
        files.pending = Some((upload.row.clone(), upload.manifest.clone()));
        true
    }

    /// Makes what was committed the base of the next upload, and removes what nothing refers to any more.
    pub(super) fn keep_files(&mut self, committed: Option<&SnapshotRef>) {
        let files = &mut self.files;
        let Some(now) = files.pending.take_if(|(row, _)| Some(&*row) == committed) else {
            return;
        };
        if let Some(before) = &files.base {
            files
                .garbage
                .extend(decide_replaced((&before.0, &before.1), (&now.0, &now.1)));
        }
        let needed: HashSet<&str> = now.1.packs.iter().map(|pack| pack.name.as_str()).collect();
        let unneeded = files
            .started
            .take()
            .into_iter()
            .filter(|name| *name != now.0.manifest && !needed.contains(name.as_str()));
        files.garbage.extend(unneeded);
        files.disk.borrow_mut().base = Some(now.clone());
        files.base = Some(now);
        let tidying = tidy(
            Rc::clone(&self.runner.world.blobs),
            self.runner.me.clone(),
            Work {
                group: self.claimed.fence.group.clone(),
                epoch: match self.runner.world.stands(Fence::EpochInBlobNames) {
                    true => self.claimed.fence.epoch,
                    false => proto::ids::Epoch(i64::MAX),
                },
                names: std::mem::take(&mut files.garbage),
                base: files.base.clone().filter(|_| std::mem::take(&mut files.sweep)),
                disk: Rc::clone(&files.disk),
                started: Rc::clone(&files.started),
            },
        );
        self.runner.me.spawn(tidying);
    }
}

async fn fetch(blobs: &Rc<Blobs>, me: &Process, wanted: &SnapshotRef) -> Result<(Manifest, Tree), NotHere> {
    let damaged = |name: &str| NotHere::Damaged(format!("{name} is not there"));
    let json = blobs.get(me, &wanted.manifest).await?;
    let json = json.ok_or_else(|| damaged(&wanted.manifest))?;
    let manifest = Manifest::parse(&json).map_err(|error| NotHere::Damaged(error.to_string()))?;
    let parts = manifest.entries.iter().flat_map(|entry| entry.kind.parts());
    let chunks: BTreeSet<(u32, u64, u32)> = parts
        .filter_map(|part| match *part {
            Part::Chunk(pack, offset, bytes, _) => Some((pack, offset, bytes)),
            Part::Hole(_) => None,
        })
        .collect();
    let mut packs = BTreeMap::new();
    for fetch in decide_fetches(&chunks) {
        let name = &manifest.packs[fetch.pack as usize].name;
        let content = blobs.get(me, name).await?.ok_or_else(|| damaged(name))?;
        packs.insert(fetch.pack, content);
    }
    let mut tree = Tree::new();
    for entry in &manifest.entries {
        if let [Part::Chunk(pack, offset, ..)] = entry.kind.parts() {
            let at = usize::try_from(*offset).unwrap_or(usize::MAX);
            let bytes = packs.get(pack).and_then(|pack| pack.get(at..at + CHUNK as usize));
            let content = bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            let content = content.ok_or_else(|| NotHere::Damaged("a pack is too short".to_owned()))?;
            tree.insert(entry.path.to_string(), i64::from_le_bytes(content));
        }
    }
    Ok((manifest, tree))
}

/// Name and bytes of a pack.
type Pack = (String, Vec<u8>);

/// A manifest of the files, and the pack of what is stored nowhere yet; none: nothing changed.
fn pack(tree: &Tree, base: Option<&Manifest>, id: SnapshotId, key: &BlobKey) -> Option<(Manifest, Option<Pack>)> {
    let mut known = Known::of(base);
    let mut open: Option<(u32, Vec<u8>)> = None;
    let mut store = |known: &mut Known, content: i64| {
        let (pack, bytes) = open.get_or_insert_with(|| (known.add_pack(key.to_string()), Vec::new()));
        bytes.extend_from_slice(&content.to_le_bytes());
        known.add_chunk(*pack, digest(content), CHUNK)
    };
    let path = |name: &str| TreePath::parse(name.as_bytes()).expect("names of files are written here");
    let mut entries = vec![Entry {
        path: path("workspace"),
        kind: Kind::Dir,
    }];
    for (name, content) in tree {
        let part = known.part(digest(*content), CHUNK);
        let part = part.unwrap_or_else(|| store(&mut known, *content));
        entries.push(Entry {
            path: path(name),
            kind: Kind::File(false, u64::from(CHUNK), vec![part]),
        });
    }
    if base.is_some_and(|base| base.is_same_tree(&entries)) {
        return None;
    }
    let preview = known
        .clone()
        .into_manifest(Manifest::new(id, Vec::new(), entries.clone()));
    let worth: BTreeSet<u32> = decide_repack(&preview).into_iter().collect();
    let mut again = BTreeSet::new();
    for part in preview.entries.iter().flat_map(|entry| entry.kind.parts()) {
        if let Part::Chunk(pack, _, _, digest) = part
            && worth.contains(pack)
            && preview.packs[*pack as usize].name != key.to_string()
            && again.insert(*digest)
        {
            store(&mut known, content_of(digest));
        }
    }
    let manifest = known.into_manifest(Manifest::new(id, Vec::new(), entries));
    Some((manifest, open.map(|(_, bytes)| (key.to_string(), bytes))))
}

/// Contents here are short enough to be their own digests.
fn digest(content: i64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&content.to_le_bytes());
    Digest(bytes)
}

fn content_of(digest: &Digest) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.0[..8]);
    i64::from_le_bytes(bytes)
}

/// One pass over what nobody needs any more.
struct Work {
    group: GroupId,
    epoch: proto::ids::Epoch,
    names: Vec<String>,
    /// The committed snapshot, if what former owners left is to be looked for.
    base: Option<Base>,
    disk: Rc<RefCell<Disk>>,
    started: Rc<RefCell<Vec<String>>>,
}

/// Best effort: what is left is found by the next owner. It may go on while the next snapshot is taken, and after the group was
/// lost.
async fn tidy(blobs: Rc<Blobs>, me: Process, work: Work) {
    let mut names = work.names;
    if let Some((row, manifest)) = &work.base
        && let Ok(listed) = blobs.list(&me, &prefix_of(&work.group)).await
    {
        let listed = listed.iter().map(String::as_str);
        let garbage = decide_garbage(listed, &work.group, work.epoch, Some((row, manifest)));
        names.extend(garbage.into_iter().map(str::to_owned));
    }
    let mut all_gone = true;
    for name in names {
        all_gone &= blobs.delete(&me, &name).await.is_ok();
    }
    if all_gone && work.started.borrow().is_empty() {
        work.disk.borrow_mut().uploading = false;
    }
}
