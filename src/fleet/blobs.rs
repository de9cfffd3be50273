//! Where the files of groups are kept, by configuration. Nobody waits for it at the start: a scheduler leads without it, and a runner
//! takes over its own past and serves the groups whose files it has.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use blobs::nats::{self, NatsStore};
use blobs::s3::{self, S3Store};
use service::config::Secret;
use service::lifecycle::Policy;
use service::readiness::Readiness;

use super::base::Base;
use super::servers::{Trying, nats_config};
use crate::config::fleet::{BlobKind, S3};

/// Its name in `/readyz`.
const CONDITION: &str = "blobs";
/// Time between two looks at a store that works.
const LOOK: Duration = Duration::from_secs(30);

/// Opens the store and says in `/readyz` whether it can be reached.
///
/// # Errors
/// When a setting is missing or cannot be used.
pub(super) async fn open(base: &Base) -> anyhow::Result<Arc<dyn BlobStore>> {
    let settings = &base.config.blobs;
    let store: Arc<dyn BlobStore> = match settings.store {
        BlobKind::Nats => {
            let config = nats_config(base)?;
            let options = nats::Options {
                bucket: format!("{}-blobs", config.prefix),
                replicas: config.replicas,
            };
            Arc::new(NatsStore::new(bus::nats::client(&config).await?, options))
        }
        BlobKind::Directory => {
            let directory = settings.directory.clone();
            let missing = "blobs.store is \"directory\": set blobs.directory (CLAWHOLD_BLOBS_DIRECTORY) to one that all runners share";
            Arc::new(DirectoryStore::new(directory.context(missing)?))
        }
        BlobKind::S3 => Arc::new(S3Store::new(&s3_options(&settings.s3)?)?),
    };
    let (stop, readiness) = (base.lifecycle.soft_stop(), base.readiness.clone());
    let trying = Trying::new(readiness.condition(CONDITION));
    let watching = watch(Arc::clone(&store), trying, readiness, LOOK);
    base.lifecycle.spawn_support("blobs", Policy::BestEffort, async move {
        stop.run_until_cancelled(watching).await;
        Ok(())
    });
    Ok(store)
}

/// Says for ever whether the store can be reached and written. A service is not ready before it could; later it goes on with
/// what needs no files, so that an outage is shown beside the rest.
async fn watch(store: Arc<dyn BlobStore>, mut trying: Trying, readiness: Readiness, look: Duration) {
    let mut was_reached = false;
    loop {
        match store.check().await {
            Ok(()) => {
                trying.reached();
                if !was_reached {
                    trying = Trying::new(readiness.part(CONDITION.to_owned()));
                    was_reached = true;
                }
                tokio::time::sleep(look).await;
            }
            Err(error) => trying.failed(&error).await,
        }
    }
}

fn s3_options(settings: &S3) -> anyhow::Result<s3::Options> {
    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let named = settings.bucket.clone().zip(settings.region.clone());
    let keys = exposed(&settings.access_key_id).zip(exposed(&settings.secret_access_key));
    let Some(((bucket, region), (access_key_id, secret_access_key))) = named.zip(keys) else {
        bail!(
            "blobs.store is \"s3\": set blobs.s3.bucket, blobs.s3.region, and the key of somebody who may write there \
             (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        );
    };
    let mut prefix = settings.prefix.clone().unwrap_or_default();
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    Ok(s3::Options {
        endpoint: settings.endpoint.clone(),
        bucket,
        prefix,
        region,
        access_key_id,
        secret_access_key,
        session_token: exposed(&settings.session_token),
        allow_http: settings.allow_http,
    })
}

#[cfg(test)]
mod tests {
    use service::readiness::State;

    use super::*;

    /// Waits until `done`.
    async fn until(what: &str, mut done: impl FnMut() -> bool) {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "no {what}");
    }

    #[tokio::test]
    async fn an_outage_after_the_start_is_shown_and_its_end_too() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("blobs");
        let away = || {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::write(&root, "a file in its way").is_ok()
        };
        let readiness = Readiness::new();
        let state = || readiness.report().conditions[CONDITION].clone();
        let store = Arc::new(DirectoryStore::new(root.clone()));
        let trying = Trying::new(readiness.condition(CONDITION));
        assert!(away());
        let story = async {
            until(
                "trouble at the start",
                || matches!(state(), State::Degraded { reason } if reason.contains("could not write")),
            )
            .await;
            std::fs::remove_file(&root).unwrap();
            until("success", || state() == State::Ok).await;
            for _ in 0..2 {
                until("way to break it", away).await;
                until("outage", || matches!(state(), State::Impaired { .. })).await;
                assert!(readiness.report().ready, "the rest works");
                std::fs::remove_file(&root).unwrap();
                until("end of the outage", || state() == State::Ok).await;
            }
        };
        tokio::select! {
            () = watch(store, trying, readiness.clone(), Duration::from_millis(5)) => {}
            () = story => {}
        }
    }
}
