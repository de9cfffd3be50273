//! Settings that only a fleet has: sections `postgres`, `nats` and `blobs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service::config::{Secret, range};
use store::postgres::Prepare;

/// The shared database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Postgres {
    /// `postgres://user:password@host/database`, with `sslmode` and more as for libpq.
    pub(crate) url: Option<Secret>,
    /// Largest number of connections of this process.
    #[serde(deserialize_with = "range::within::<2, 1000, _, _>")]
    pub(crate) connections: usize,
    /// Whether connections keep their statements prepared: `auto` unless a pooler is found in between, `always`, `never`.
    pub(crate) prepare: Prepare,
    /// PEM file with the authorities that sign the server's certificate; none: those of the system.
    pub(crate) ca_file: Option<PathBuf>,
}

/// The message broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Nats {
    /// Addresses of its servers, separated by commas; user and password may be in there.
    pub(crate) url: Option<Secret>,
    /// File with an nkey seed.
    pub(crate) nkey_file: Option<PathBuf>,
    /// File with a JWT and its seed (`.creds`).
    pub(crate) credentials_file: Option<PathBuf>,
    /// PEM file with the authorities that sign the servers' certificates; none: those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM file with our own certificate, and the one with its key.
    pub(crate) certificate_file: Option<PathBuf>,
    /// See `certificate_file`.
    pub(crate) key_file: Option<PathBuf>,
    /// Address where it tells about itself, for example `http://nats:8222`: lets us warn when it does not write to disk
    /// before it confirms.
    #[serde(deserialize_with = "range::http_url")]
    pub(crate) monitoring_url: Option<String>,
    /// First word of all subjects and names: tells installations on one broker apart.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) prefix: String,
    /// Copies that the broker keeps of each message.
    #[serde(deserialize_with = "range::within::<1, 5, _, _>")]
    pub(crate) replicas: usize,
    /// Largest size of what waits to be indexed, in MiB: then platforms are told to try again.
    #[serde(deserialize_with = "range::within::<16, 1_048_576, _, _>")]
    pub(crate) max_mb: u64,
}

/// Where the files of groups are kept so that any runner can have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Blobs {
    /// In what.
    pub(crate) store: BlobKind,
    /// For `directory`: one that all runners share.
    pub(crate) directory: Option<PathBuf>,
    /// For `s3`.
    pub(crate) s3: S3,
    /// Most that one group may keep, in MiB.
    #[serde(deserialize_with = "range::within::<1, 1_048_576, _, _>")]
    pub(crate) group_quota_mb: u64,
}

/// Kinds of blob stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlobKind {
    /// The broker's object store: nothing else is needed.
    #[default]
    Nats,
    /// A directory on a file system that all runners share.
    Directory,
    /// An S3-compatible service.
    S3,
}

/// An S3-compatible service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3 {
    /// Address of the service; none: that of AWS.
    #[serde(deserialize_with = "range::http_url")]
    pub(crate) endpoint: Option<String>,
    /// Whether an address without TLS is meant.
    pub(crate) allow_http: bool,
    /// Region.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) region: Option<String>,
    /// Bucket.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) bucket: Option<String>,
    /// Put before all names.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) prefix: Option<String>,
    /// Who asks.
    pub(crate) access_key_id: Option<Secret>,
    /// Proof of it.
    pub(crate) secret_access_key: Option<Secret>,
    /// What goes with keys that end.
    pub(crate) session_token: Option<Secret>,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            url: None,
            connections: 8,
            prepare: Prepare::default(),
            ca_file: None,
        }
    }
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            url: None,
            nkey_file: None,
            credentials_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            monitoring_url: None,
            prefix: "clawhold".to_owned(),
            replicas: 1,
            max_mb: 4096,
        }
    }
}

impl Default for Blobs {
    fn default() -> Self {
        Self {
            store: BlobKind::default(),
            directory: None,
            s3: S3::default(),
            group_quota_mb: 1024,
        }
    }
}
