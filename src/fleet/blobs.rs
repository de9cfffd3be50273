//! Where the files of groups are kept, by configuration. Nobody waits for it at the start: a scheduler leads without it, and a runner
//! takes over its own past and serves the groups whose files it has.

use std::sync::Arc;

use anyhow::{Context, bail};
use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use blobs::nats::{self, NatsStore};
use blobs::s3::{self, S3Store};
use service::config::Secret;
use service::lifecycle::Policy;

use super::base::Base;
use super::servers::{Trying, nats_config};
use crate::config::fleet::{BlobKind, S3};

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
    let (stop, watched) = (base.lifecycle.soft_stop(), Arc::clone(&store));
    let mut trying = Trying::new(base.readiness.condition("blobs"));
    let reaching = async move {
        while let Err(error) = watched.check().await {
            trying.failed(&error).await;
        }
        trying.condition.ok();
    };
    base.lifecycle.spawn_support("blobs", Policy::BestEffort, async move {
        stop.run_until_cancelled(reaching).await;
        Ok(())
    });
    Ok(store)
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
