//! Says when a directory has changed. One inotify instance and one thread serve all runs of a runner: instances are scarce
//! (128 per user by default).
//!
//! It is a hint only: whoever waits also looks once per [`SWEEP`], so a missed event costs a second and nothing else.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Longest time between two looks at a directory.
pub const SWEEP: Duration = Duration::from_secs(1);

/// A name is gone.
const AWAY: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
/// Told after each of its two parts.
const BOTH: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::Both));

type Bells = Arc<Mutex<HashMap<PathBuf, Arc<Notify>>>>;

/// Watches directories. Cheap to clone.
#[derive(Clone)]
pub struct Watcher {
    bells: Bells,
    /// None when the system offers no notification: then only the sweep is left.
    system: Option<Arc<Mutex<RecommendedWatcher>>>,
}

/// Watches some directories until it is dropped.
pub struct Watch {
    watcher: Watcher,
    paths: Vec<PathBuf>,
    bell: Arc<Notify>,
}

impl Watcher {
    /// Starts watching; without inotify it says so once and falls back to the sweep.
    pub fn new() -> Self {
        let bells = Bells::default();
        let heard = Arc::clone(&bells);
        let system = notify::recommended_watcher(move |event| ring(&heard, event));
        let system = system.inspect_err(|error| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "no file notification: mailboxes are read once a second"
            );
        });
        Self {
            bells,
            system: system.ok().map(|system| Arc::new(Mutex::new(system))),
        }
    }

    /// Watches directories that exist. One that cannot be watched is left to the sweep.
    pub fn watch(&self, paths: Vec<PathBuf>) -> Watch {
        let bell = Arc::new(Notify::new());
        for path in &paths {
            locked(&self.bells).insert(path.clone(), Arc::clone(&bell));
            let Some(system) = &self.system else { continue };
            if let Err(error) = locked(system).watch(path, RecursiveMode::NonRecursive) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a mailbox is read once a second"
                );
            }
        }
        Watch {
            watcher: self.clone(),
            paths,
            bell,
        }
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Waits for a change since the last call. Cancel-safe: an unheard change is kept.
    pub async fn changed(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for path in &self.paths {
            locked(&self.watcher.bells).remove(path);
            if let Some(system) = &self.watcher.system {
                // The directory may be gone already, and the watch with it.
                let _ = locked(system).unwatch(path);
            }
        }
    }
}

fn ring(bells: &Bells, event: notify::Result<notify::Event>) {
    let bells = locked(bells);
    match event {
        // Our own reading opens, closes and renames files; a message arrives by rename or creation.
        Ok(event) if matches!(event.kind, EventKind::Access(_) | EventKind::Remove(_) | AWAY | BOTH) => {}
        Ok(event) if !event.need_rescan() => {
            // Nor is one told of by the file in which it is still being written.
            let told_of = event
                .paths
                .iter()
                .filter(|path| path.extension() != Some(OsStr::new("tmp")));
            let parents = told_of.filter_map(|path| path.parent());
            parents
                .filter_map(|parent: &Path| bells.get(parent))
                .for_each(|bell| bell.notify_one());
        }
        // The queue overflowed or failed: everybody looks.
        Ok(_) | Err(_) => bells.values().for_each(|bell| bell.notify_one()),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
