//! Brings what is needed into the staging directory, from this host or from the store. Every chunk's digest is checked.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use blobs::{BlobName, BlobStore};
use bytes::Bytes;
use futures::TryStreamExt as _;
use proto::snapshot::{Digest, Fetch, Manifest, Part, SnapshotRef, decide_fetches};

use super::{Plan, Stage};
use crate::snapshot::Moved;
use crate::snapshot::error::{Error, files};
use crate::snapshot::root::Root;
use crate::snapshot::tree::{Opener, digest, read_range};

/// Requests under way at a time: enough to hide their latency, and at 4 MiB each a bound on memory.
const FETCHES_MAX: usize = 8;

/// Fetches the manifest that a row speaks of.
pub(in crate::snapshot) async fn fetch_manifest(
    blobs: &dyn BlobStore,
    row: &SnapshotRef,
    moved: &Moved,
) -> Result<Manifest, Error> {
    let damaged = |why: String| Error::Corrupt(format!("manifest {}: {why}", row.manifest));
    let name = BlobName::parse(&row.manifest).map_err(|error| damaged(error.to_string()))?;
    let json = blobs.get(&name).await.map_err(missing_is_damage)?;
    if digest(&json) != row.digest {
        return Err(damaged("its digest is not the row's".to_owned()));
    }
    moved.add_bytes(json.len() as u64);
    let manifest = tokio::task::spawn_blocking(move || Manifest::parse(&json)).await;
    let manifest = manifest.map_err(|error| files("read a manifest")(io::Error::other(error)))?;
    manifest.map_err(|error| damaged(error.to_string()))
}

/// Brings every chunk of the plan to its places in the staging directory.
pub(in crate::snapshot) async fn fetch(
    blobs: &dyn BlobStore,
    roots: &[Root],
    manifest: &Arc<Manifest>,
    plan: Plan,
    stage: &Arc<Stage>,
    moved: &Moved,
) -> Result<Plan, Error> {
    let plan = copy_local(roots, manifest, plan, stage).await?;
    let digests = Arc::new(digests(manifest));
    let plan = Arc::new(plan);
    let fetches = futures::stream::iter(decide_fetches(&plan.wanted).into_iter().map(Ok::<_, Error>));
    fetches
        .try_for_each_concurrent(FETCHES_MAX, |fetch| {
            let (manifest, plan) = (Arc::clone(manifest), Arc::clone(&plan));
            let (stage, digests) = (Arc::clone(stage), Arc::clone(&digests));
            async move {
                let content = request(blobs, &manifest, &fetch).await?;
                moved.add_bytes(content.len() as u64);
                blocking("write a staged file", move || {
                    place(&manifest, &plan, &stage, &digests, &fetch, &content)
                })
                .await
            }
        })
        .await?;
    Ok(Arc::try_unwrap(plan).unwrap_or_default())
}

async fn request(blobs: &dyn BlobStore, manifest: &Manifest, fetch: &Fetch) -> Result<Bytes, Error> {
    let pack = &manifest.packs[fetch.pack as usize];
    let name = BlobName::parse(&pack.name).map_err(|error| Error::Corrupt(error.to_string()))?;
    let content = if fetch.start == 0 && fetch.end == pack.bytes {
        blobs.get(&name).await
    } else {
        blobs.get_range(&name, fetch.start..fetch.end).await
    };
    let content = content.map_err(missing_is_damage)?;
    if content.len() as u64 != fetch.end - fetch.start {
        return Err(Error::Corrupt(format!("pack {name} has another length")));
    }
    Ok(content)
}

fn missing_is_damage(error: blobs::Error) -> Error {
    match error {
        blobs::Error::NotFound(_) | blobs::Error::OutOfRange { .. } => Error::Corrupt(error.to_string()),
        other @ (blobs::Error::TooLarge { .. } | blobs::Error::Unavailable { .. }) => other.into(),
    }
}

type Digests = HashMap<(u32, u64), Digest>;

fn digests(manifest: &Manifest) -> Digests {
    let parts = manifest.entries.iter().flat_map(|entry| entry.kind.parts());
    let digests = parts.filter_map(|part| match *part {
        Part::Chunk(pack, offset, _, digest) => Some(((pack, offset), digest)),
        Part::Hole(_) => None,
    });
    digests.collect()
}

fn place(
    manifest: &Manifest,
    plan: &Plan,
    stage: &Stage,
    digests: &Digests,
    fetch: &Fetch,
    content: &[u8],
) -> Result<(), Error> {
    for (offset, bytes) in &fetch.chunks {
        let start = usize::try_from(offset - fetch.start).expect("a range of 4 MiB");
        let chunk = &content[start..start + *bytes as usize];
        let found = digest(chunk);
        if digests.get(&(fetch.pack, *offset)) != Some(&found) {
            let pack = &manifest.packs[fetch.pack as usize].name;
            return Err(Error::Corrupt(format!(
                "the chunk at byte {offset} of pack {pack} has another digest"
            )));
        }
        put(manifest, plan, stage, found, chunk)?;
    }
    Ok(())
}

fn put(manifest: &Manifest, plan: &Plan, stage: &Stage, digest: Digest, chunk: &[u8]) -> Result<(), Error> {
    for (position, at) in plan.places.get(&digest).into_iter().flatten() {
        stage
            .write(manifest, *position, *at, chunk)
            .map_err(files("write a staged file"))?;
    }
    Ok(())
}

/// Takes chunks from files of this host that still hold them; they are not fetched then.
async fn copy_local(
    roots: &[Root],
    manifest: &Arc<Manifest>,
    mut plan: Plan,
    stage: &Arc<Stage>,
) -> Result<Plan, Error> {
    let (manifest, stage, roots) = (Arc::clone(manifest), Arc::clone(stage), roots.to_vec());
    blocking("read the local copy", move || {
        let mut opener = Opener::new(&roots).map_err(files("open the group's directories"))?;
        let digests = digests(&manifest);
        let mut missing = plan.wanted.clone();
        for wanted @ (pack, offset, bytes) in &plan.wanted {
            let Some(digest_wanted) = digests.get(&(*pack, *offset)) else {
                continue;
            };
            let Some((path, at)) = plan.local.get(digest_wanted) else {
                continue;
            };
            let read = opener.file(path).and_then(|(file, _)| read_range(&file, *at, *bytes));
            if let Ok(Some(chunk)) = read
                && digest(&chunk) == *digest_wanted
            {
                put(&manifest, &plan, &stage, *digest_wanted, &chunk)?;
                missing.remove(wanted);
            }
        }
        plan.wanted = missing;
        Ok(plan)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| files(doing)(io::Error::other(error)))?
}
