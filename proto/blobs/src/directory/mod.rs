//! Blobs as files below a directory: for one node, and for a fleet on a shared file system.
//!
//! A blob is written beside its place under a name that begins with a dot, which no blob has, made durable, and renamed.

mod files;
mod store;

pub use store::DirectoryStore;
