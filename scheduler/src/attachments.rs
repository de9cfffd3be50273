//! Files of messages: removed with the day they came on, once that is older than what is kept.
//!
//! Their names begin with `attachments/<yyyymmdd>/`. Rows that name one which is gone say so when it is asked for.

use std::time::Duration;

use blobs::BlobStore;
use proto::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

/// What the names of files of messages begin with.
const ATTACHMENTS: &str = "attachments/";
/// Time between two passes: old files cost only room.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Share of that time that is drawn at random.
const JITTER: f64 = 0.2;
/// Blobs removed in one pass; the rest waits for the next.
const REMOVED_MAX: usize = 10_000;
/// Days are those of UTC, and a file may be named just before midnight and stored after it.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs passes while this scheduler leads, until the soft stop.
pub(crate) async fn run(
    deps: Deps,
    leadership: Leadership,
    keep: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(blobs) = deps.blobs.clone() else { return Ok(()) };
    let passes = async {
        loop {
            tokio::time::sleep(INTERVAL.mul_f64(1.0 - JITTER * (deps.random)())).await;
            if !leadership.leads() {
                continue;
            }
            match tick(&*blobs, keep, deps.clock.now()).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(blobs = removed, "removed old files of messages"),
                Err(error) => {
                    deps.metrics.passes_failed.inc();
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "old files of messages could not be removed; trying again");
                }
            }
        }
    };
    stop.run_until_cancelled(passes).await;
    Ok(())
}

/// One pass; returns how many files it removed.
pub(crate) async fn tick(blobs: &dyn BlobStore, keep: Duration, now: Timestamp) -> blobs::Result<usize> {
    let oldest_kept = Timestamp::from_millis(now.as_millis() - millis(keep) - millis(MARGIN));
    let oldest_kept = oldest_kept.to_utc().format("%Y%m%d").to_string();
    let is_old = |name: &str| {
        let day = name.strip_prefix(ATTACHMENTS).and_then(|rest| rest.split_once('/'));
        // Days of eight digits are ordered as texts.
        day.is_some_and(|(day, _)| {
            day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()) && *day < *oldest_kept
        })
    };
    let listed = blobs.list(ATTACHMENTS).await?;
    let mut removed = 0;
    for name in listed.iter().filter(|name| is_old(name.as_str())).take(REMOVED_MAX) {
        blobs.delete(name).await?;
        removed += 1;
    }
    Ok(removed)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use blobs::BlobName;
    use blobs::directory::DirectoryStore;
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn files_of_messages_are_kept_for_the_days_that_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirectoryStore::new(dir.path().to_owned());
        let names = [
            "attachments/20270101/a",
            "attachments/20270113/b",
            "attachments/x/c",
            "groups/g/1-0.pack",
        ]
        .map(|name| BlobName::parse(name).unwrap());
        for name in &names {
            blobs.put(name, Bytes::from_static(b"x")).await.unwrap();
        }
        // 2027-01-15, 08:00.
        let now = Timestamp::from_millis(1_800_000_000_000);
        let day = Duration::from_secs(86_400);
        assert_eq!(tick(&blobs, 14 * day, now).await.unwrap(), 0, "14 days and the margin");
        assert_eq!(tick(&blobs, 7 * day, now).await.unwrap(), 1);
        assert!(blobs.get(&names[0]).await.is_err());
        for kept in &names[1..] {
            assert!(blobs.get(kept).await.is_ok(), "{kept}");
        }
    }
}
