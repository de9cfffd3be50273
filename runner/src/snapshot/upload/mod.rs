//! From the files to a snapshot in the store: look at the tree, read what changed, pack what is new.
//!
//! The reading runs on a thread of its own and hands over one pack at a time; each is put while the next is read.

mod packer;
mod read;
mod scan;
mod send;

pub(super) use packer::Packer;
pub(super) use scan::{Scan, Scanned};
pub(super) use send::Upload;
