//! Blobs in a bucket of S3 or of anything that speaks its protocol.

mod client;
mod store;

pub use client::{Options, OptionsError};
pub use store::S3Store;
