//! Blobs in an object store of NATS JetStream: what a fleet needs anyway holds its workspaces too.
//!
//! The format is the one of every NATS client (a description at `$O.<bucket>.M.<name in base64>`, pieces below
//! `$O.<bucket>.C.`), with three differences that a client's own calls would not give us:
//! the pieces' subject is made of the blob's name, so a listing costs what is listed, and the pieces of a write that never ended
//! are found and removed by name; the description says where each piece lies in the stream, so a range is fetched without what
//! is before it, and pieces travel in parallel; a removed blob leaves no tombstone behind.

mod bucket;
mod description;
mod store;
mod subjects;

pub use store::{NatsStore, Options};
