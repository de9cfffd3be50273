//! Trees that an agent made, read and changed without following a link of its.
//!
//! Invariant: every access goes name by name through held directories. Nothing here knows chunks' places or blobs.

mod chunks;
mod open;
mod stat;
mod walk;

pub(super) use chunks::{digest, read_contents, read_range};
pub(super) use open::Opener;
pub(super) use stat::{Stat, boot, fs_now};
pub(super) use walk::{Found, FoundKind, Tree, walk};
