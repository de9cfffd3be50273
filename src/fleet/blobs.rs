//! Where the files of groups are kept, by configuration.

use std::sync::Arc;

use anyhow::{Context, bail};
use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use blobs::nats::{self, NatsStore};
use blobs::s3::{self, S3Store};
use service::config::Secret;

use super::base::Base;
use super::servers::{nats_config, until_reached};
use crate::config::fleet::{BlobKind, S3};

/// Opens the store; `None` when told to stop first.
///
/// # Errors
/// When a setting is missing or cannot be used.
pub(super) async fn open(base: &Base) -> anyhow::Result<Option<Arc<dyn BlobStore>>> {
    let settings = &base.config.blobs;
    let condition = base.readiness.condition("blobs");
    let store: Arc<dyn BlobStore> = match settings.store {
        BlobKind::Nats => {
            let config = nats_config(base)?;
            let connect = async || bus::nats::client(&config).await;
            let Some(client) = until_reached(base, condition.clone(), connect).await else {
                return Ok(None);
            };
            let options = nats::Options {
                bucket: format!("{}-blobs", config.prefix),
                replicas: config.replicas,
            };
            Arc::new(NatsStore::new(client, options))
        }
        BlobKind::Directory => {
            let directory = settings.directory.clone();
            let missing = "blobs.store is \"directory\": set blobs.directory (CLAWHOLD_BLOBS_DIRECTORY) to one that all runners share";
            Arc::new(DirectoryStore::new(directory.context(missing)?))
        }
        BlobKind::S3 => Arc::new(S3Store::new(&s3_options(&settings.s3)?)?),
    };
    let reached = until_reached(base, condition, async || store.check().await).await;
    Ok(reached.map(|()| store))
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
