//! Section `blobs` of the configuration: where the contents of groups' files lie.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service::config::Secret;
use service::config::range;

use super::Quota;

/// Where blobs lie, and how much of them a group may keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Kind of store.
    pub store: Store,
    /// Directory of the kind `directory`, relative to the data directory; all runners of a fleet must share it.
    #[serde(deserialize_with = "range::not_empty")]
    pub directory: PathBuf,
    /// Servers of NATS that keep a copy, for the kind `nats`.
    #[serde(deserialize_with = "range::within::<1, 5, _, _>")]
    pub nats_replicas: u32,
    /// Bucket of the kind `s3`.
    pub s3: S3,
    /// Files of one group, in MiB.
    #[serde(deserialize_with = "range::within::<1, 1_048_576, _, _>")]
    pub group_quota_mb: u64,
}

/// Kind of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// A directory.
    #[default]
    Directory,
    /// A bucket of S3, or of what speaks its protocol.
    S3,
    /// The object store of the NATS that carries the messages.
    Nats,
}

/// How the bucket is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3 {
    /// Address; none: Amazon's of the region.
    #[serde(deserialize_with = "range::not_empty")]
    pub endpoint: Option<String>,
    /// Bucket, which must exist.
    #[serde(deserialize_with = "range::not_empty")]
    pub bucket: Option<String>,
    /// What every key begins with.
    pub prefix: String,
    /// Region that requests are signed for.
    #[serde(deserialize_with = "range::not_empty")]
    pub region: String,
    /// Access key.
    #[serde(deserialize_with = "range::not_empty")]
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<Secret>,
    /// Token that goes with keys that end.
    pub session_token: Option<Secret>,
    /// Whether the endpoint may be without TLS.
    pub allow_http: bool,
}

/// A setting that the kind of store needs and that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blobs.store is \"s3\", and blobs.s3.{0} is not set")]
pub struct Missing(&'static str);

impl Config {
    /// How much a group may keep.
    pub fn quota(&self) -> Quota {
        Quota::of_mb(self.group_quota_mb)
    }
}

impl S3 {
    /// The options of the adapter.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn options(&self) -> Result<blobs::s3::Options, Missing> {
        let text = |value: &Option<String>, name| value.clone().ok_or(Missing(name));
        let secret = self.secret_access_key.as_ref().ok_or(Missing("secret_access_key"))?;
        let slash = if self.prefix.is_empty() || self.prefix.ends_with('/') {
            ""
        } else {
            "/"
        };
        Ok(blobs::s3::Options {
            endpoint: self.endpoint.clone(),
            bucket: text(&self.bucket, "bucket")?,
            prefix: format!("{}{slash}", self.prefix),
            region: self.region.clone(),
            access_key_id: text(&self.access_key_id, "access_key_id")?,
            secret_access_key: secret.expose().to_owned(),
            session_token: self.session_token.as_ref().map(|token| token.expose().to_owned()),
            allow_http: self.allow_http,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: Store::default(),
            directory: PathBuf::from("blobs"),
            nats_replicas: 1,
            s3: S3::default(),
            group_quota_mb: 1024,
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: None,
            bucket: None,
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            allow_http: false,
        }
    }
}
