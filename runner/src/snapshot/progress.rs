//! Shows that something long is going on.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proto::ids::GroupId;

/// Time between two lines in the log.
const EVERY: Duration = Duration::from_secs(5);

/// What was moved so far.
#[derive(Debug, Default)]
pub(super) struct Moved {
    bytes: AtomicU64,
    files: AtomicU64,
}

impl Moved {
    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }
}

/// Awaits `work`, with a line in the log now and then.
pub(super) async fn watched<T>(
    group: &GroupId,
    doing: &'static str,
    moved: &Arc<Moved>,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(EVERY) => {
                let (bytes, files) = (moved.bytes(), moved.files());
                tracing::info!(group.id = %group, doing, bytes, files, "a snapshot is on its way");
            }
        }
    }
}
