//! The bucket: made when it is first used, and made again when it turns out to be gone, as after the loss of the server's disk.

use std::sync::Arc;

use async_nats::StatusCode;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind, RequestError};
use async_nats::jetstream::object_store::Config;
use async_nats::jetstream::stream::{
    Config as Settings, DirectGetError, DirectGetErrorKind, PurgeError, PurgeErrorKind, RawMessageError,
    RawMessageErrorKind, Stream,
};
use async_nats::jetstream::{self, ErrorCode};
use tokio::sync::Mutex;

use super::Options;
use crate::{Error, Result};

pub(super) struct Bucket {
    context: Context,
    options: Options,
    /// Until it turns out to be gone.
    stream: Mutex<Option<Arc<Stream>>>,
}

impl Bucket {
    pub(super) fn new(context: Context, options: Options) -> Self {
        Self {
            context,
            options,
            stream: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.options.bucket
    }

    /// What it lies in.
    pub(super) async fn stream(&self) -> Result<Arc<Stream>> {
        let mut stream = self.stream.lock().await;
        if let Some(stream) = &*stream {
            return Ok(Arc::clone(stream));
        }
        let opened = Arc::new(self.open().await?);
        *stream = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Makes it again at its next use. One that is there after all stays as it is.
    pub(super) async fn forget(&self) {
        *self.stream.lock().await = None;
    }

    /// Another text for a bucket that was made anew.
    pub(super) async fn identity(&self) -> Result<String> {
        let info = self.stream().await?.get_info().await;
        let info = info.map_err(|error| Error::unavailable(format!("look at bucket {}", self.name()), error))?;
        let made = info.created.unix_timestamp_nanos();
        Ok(format!("{}@{made}", info.config.name))
    }

    async fn open(&self) -> Result<Stream> {
        let bucket = &self.options.bucket;
        let created = self.context.create_object_store(Config {
            bucket: bucket.clone(),
            description: Some("workspaces of groups".to_owned()),
            num_replicas: self.options.replicas,
            ..Config::default()
        });
        // One that exists with other settings is the operator's, but for its copies.
        let failed = created.await.err();
        let opened = self.context.get_stream(format!("OBJ_{bucket}")).await;
        let stream = opened.map_err(|error| match failed {
            Some(failed) => Error::unavailable(format!("make bucket {bucket}"), failed),
            None => Error::unavailable(format!("open bucket {bucket}"), error),
        })?;
        self.adjust(&stream.cached_info().config).await;
        Ok(stream)
    }

    /// The copies follow the configuration. A bucket that has fewer of them can be used all the same.
    async fn adjust(&self, found: &Settings) {
        let (bucket, replicas) = (self.name(), self.options.replicas);
        if found.num_replicas == replicas {
            return;
        }
        let wanted = Settings {
            num_replicas: replicas,
            ..found.clone()
        };
        match self.context.update_stream(&wanted).await {
            Ok(_) => tracing::info!(
                bucket,
                replicas,
                "the copies of the groups' files in NATS were adjusted"
            ),
            Err(error) => tracing::warn!(
                bucket,
                replicas = found.num_replicas,
                wanted = replicas,
                error = &error as &dyn std::error::Error,
                "NATS does not keep as many copies of the groups' files as nats.replicas says: that needs as many servers \
                 in the cluster"
            ),
        }
    }
}

/// Whether a call failed because there is no bucket.
pub(super) fn says_gone(error: &Error) -> bool {
    let Error::Unavailable { source, .. } = error else {
        return false;
    };
    let missing = |error: &jetstream::Error| error.error_code() == ErrorCode::STREAM_NOT_FOUND;
    if let Some(error) = source.downcast_ref::<DirectGetError>() {
        // Nobody listens to what only this stream answers.
        matches!(error.kind(), DirectGetErrorKind::ErrorResponse(status, _) if status == StatusCode::NO_RESPONDERS)
    } else if let Some(error) = source.downcast_ref::<PublishError>() {
        error.kind() == PublishErrorKind::StreamNotFound
    } else if let Some(error) = source.downcast_ref::<RawMessageError>() {
        matches!(error.kind(), RawMessageErrorKind::JetStream(error) if missing(&error))
    } else if let Some(error) = source.downcast_ref::<PurgeError>() {
        matches!(error.kind(), PurgeErrorKind::JetStream(error) if missing(&error))
    } else if let Some(error) = source.downcast_ref::<RequestError>() {
        let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
        cause.is_some_and(missing)
    } else {
        false
    }
}
