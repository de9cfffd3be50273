//! Blobs: the contents of workspaces, by name. Rows refer to them; this crate knows nothing of rows.
//!
//! [`BlobStore`] is the port; what it means is the [`conformance`] suite, which runs on every adapter: a [`directory`], an
//! [`s3`] bucket, the object store of [`nats`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod name;
mod port;

pub mod directory;
pub mod nats;
pub mod s3;

pub mod conformance;

pub use error::{Error, Result};
pub use name::{BlobName, InvalidBlobName};
pub use port::BlobStore;
