//! Where a runner keeps its things on its host, and by that who it is.
//!
//! Runners may share a data directory; each has a place of its own there, named like it, and holds a lock on it for as long as it
//! lives. A runner that nobody named is named after its host, and a container that was made anew is a new host: it takes a place
//! whose runner is gone, and its name. So it is that runner come back: it kills the sandboxes of its former life, frees its groups
//! at once, and has their files.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};

use crate::node_files::make_data_dir;

/// Places below the data directory.
const PLACES: &str = "runners";
/// Whoever holds this file's lock is there.
const LOCK: &str = "lock";

/// A place that nobody else has.
#[derive(Debug)]
pub(super) struct Place {
    /// Name of the runner.
    pub(super) name: String,
    /// Its directory.
    pub(super) directory: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the place of this name. If it does not exist and the name is only the host's, one that is free goes before.
    ///
    /// # Errors
    /// When a runner of that name is there, or the directory cannot be used.
    pub(super) fn take(data_dir: &Path, name: &str, is_hosts_name: bool) -> anyhow::Result<Self> {
        let places = data_dir.join(PLACES);
        if is_hosts_name && !places.join(name).exists() {
            for known in names(&places) {
                if let Some(place) = Self::try_take(&places, &known)? {
                    tracing::info!(runner = known, "this runner goes on in the place of one that is gone");
                    return Ok(place);
                }
            }
        }
        match Self::try_take(&places, name)? {
            Some(place) => Ok(place),
            None => bail!(
                "another runner named {name} runs in {}: give each its own name (runner.name, CLAWHOLD_RUNNER_NAME)",
                places.display()
            ),
        }
    }

    /// `None`: somebody is there.
    fn try_take(places: &Path, name: &str) -> anyhow::Result<Option<Self>> {
        let directory = make_data_dir(&places.join(name))?;
        let path = directory.join(LOCK);
        let context = || format!("the lock {} cannot be taken", path.display());
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(context)?;
        // The kernel drops it with the process, however that ends.
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self {
                name: name.to_owned(),
                directory,
                _lock: lock,
            })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(io::Error::from(errno)).with_context(context),
        }
    }
}

/// Places there are, by name. A directory that cannot be read has none, and says so when ours is made in it.
fn names(places: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(places).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<_> = directories
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_made_anew_goes_on_where_the_old_one_stopped() {
        let data = tempfile::tempdir().unwrap();
        let take = |name| Place::take(data.path(), name, true).unwrap();
        let (first, second) = (take("aaa"), take("bbb"));
        assert_eq!((first.name.as_str(), second.name.as_str()), ("aaa", "bbb"));
        drop(first);
        let third = take("ccc");
        assert_eq!(third.name, "aaa", "the place that is free");
        assert_eq!(third.directory, data.path().canonicalize().unwrap().join("runners/aaa"));
        assert_eq!(take("ddd").name, "ddd", "all others are taken");
    }

    #[test]
    fn a_restarted_container_keeps_its_own_place() {
        let data = tempfile::tempdir().unwrap();
        for name in ["aaa", "bbb"] {
            Place::take(data.path(), name, false).unwrap();
        }
        assert_eq!(Place::take(data.path(), "bbb", true).unwrap().name, "bbb");
    }

    #[test]
    fn a_runner_that_somebody_named_is_nobody_else_and_only_one() {
        let data = tempfile::tempdir().unwrap();
        Place::take(data.path(), "old", false).unwrap();
        let named = Place::take(data.path(), "mine", false).unwrap();
        assert_eq!(named.name, "mine");
        let error = Place::take(data.path(), "mine", false).unwrap_err();
        assert!(error.to_string().contains("another runner named mine"), "{error}");
    }
}
