//! A stand-in for S3: buckets with real state behind real signatures.
//!
//! It keeps what is put, verifies every request's signature (version 4) with the secret it knows, and answers errors in
//! Amazon's words. Left out: multipart uploads, deleting many at once,
//! versions, access rules.

mod answer;
mod listing;
mod server;
mod signature;
mod state;

pub use server::{RunningS3, S3Double};
