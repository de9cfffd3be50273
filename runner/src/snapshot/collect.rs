//! Removes blobs that nobody needs any more. Best effort: what is left is found by the next owner.

use blobs::{BlobName, BlobStore, Error as BlobError};
use futures::{StreamExt as _, stream};
use proto::ids::GroupId;
use proto::snapshot::{decide_garbage, prefix_of};

use super::Snapshots;
use super::group::GroupState;

/// Blobs removed at a time, and requests under way for it.
const REMOVALS_MAX: usize = 1_000;
const REQUESTS_MAX: usize = 8;

impl Snapshots {
    /// Removes what became garbage by commits, and after a group came here what former owners left. To be called in the background
    /// after [`Snapshots::restore`] and [`Snapshots::committed`]; a turn does not wait for it. Returns how many were removed.
    ///
    /// It may run while the next snapshot is taken, and after the group was lost: see the proof in `proto::snapshot::collect`.
    pub async fn tidy(&self, group: &GroupId) -> usize {
        let state = self.state(group);
        let mut names = {
            let mut state = state.lock().await;
            let work = Work::of(&mut state);
            drop(state);
            work.garbage(self.deps.blobs.as_ref(), group).await
        };
        let later = names.split_off(names.len().min(REMOVALS_MAX));
        let (removed, mut left) = remove(self.deps.blobs.as_ref(), names).await;
        left.extend(later);
        let mut state = state.lock().await;
        state.garbage.append(&mut left);
        if state.garbage.is_empty() && state.started.is_empty() && !state.sweep {
            let _ = std::fs::remove_file(self.files(group).uploading);
        }
        removed
    }
}

/// What one pass is about: a moment's state, so that the group is not held up meanwhile.
struct Work {
    garbage: Vec<String>,
    sweep: Option<(proto::ids::Epoch, Option<std::sync::Arc<super::index::Index>>)>,
}

impl Work {
    fn of(state: &mut GroupState) -> Self {
        let sweep = state.epoch.filter(|_| std::mem::take(&mut state.sweep));
        Self {
            garbage: std::mem::take(&mut state.garbage),
            sweep: sweep.map(|epoch| (epoch, state.base.clone())),
        }
    }

    async fn garbage(self, blobs: &dyn BlobStore, group: &GroupId) -> Vec<String> {
        let mut names = self.garbage;
        let Some((epoch, base)) = self.sweep else {
            return names;
        };
        match blobs.list(&prefix_of(group)).await {
            Ok(listed) => {
                let committed = base.as_ref().map(|base| (&base.row, &base.manifest));
                let garbage = decide_garbage(listed.iter().map(BlobName::as_str), group, epoch, committed);
                names.extend(garbage.into_iter().map(str::to_owned));
                names.sort_unstable();
                names.dedup();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(group.id = %group, error, "leftover blobs could not be listed");
            }
        }
        names
    }
}

/// Removes blobs; gives back how many, and the names of those that could not be.
async fn remove(blobs: &dyn BlobStore, names: Vec<String>) -> (usize, Vec<String>) {
    let removals = stream::iter(names.into_iter().map(|name| async move {
        let removed = match BlobName::parse(&name) {
            Ok(parsed) => blobs.delete(&parsed).await,
            Err(_) => Ok(()),
        };
        (name, removed)
    }));
    let done: Vec<(String, Result<(), BlobError>)> = removals.buffer_unordered(REQUESTS_MAX).collect().await;
    let (mut removed, mut left) = (0, Vec::new());
    for (name, result) in done {
        match result {
            Ok(()) => removed += 1,
            Err(error) => {
                tracing::warn!(
                    blob = name,
                    error = &error as &dyn std::error::Error,
                    "a blob could not be removed"
                );
                left.push(name);
            }
        }
    }
    (removed, left)
}
