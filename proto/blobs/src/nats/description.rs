//! The description of a blob.

use async_nats::jetstream::object_store::{ObjectInfo, ObjectOptions};

use super::subjects;
use crate::BlobName;

/// Key of our own datum in the description.
const SEQUENCES: &str = "sequences";

/// Where a blob's pieces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// Length of the blob in bytes.
    pub(super) bytes: u64,
    /// Length of each piece but the last.
    pub(super) piece_bytes: u64,
    /// Position of each piece in the stream.
    pub(super) sequences: Vec<u64>,
}

impl Description {
    pub(super) fn to_json(&self, bucket: &str, name: &BlobName) -> Result<Vec<u8>, serde_json::Error> {
        let sequences: Vec<String> = self.sequences.iter().map(u64::to_string).collect();
        serde_json::to_vec(&ObjectInfo {
            name: name.to_string(),
            description: None,
            metadata: [(SEQUENCES.to_owned(), sequences.join(" "))].into(),
            headers: None,
            options: Some(ObjectOptions {
                link: None,
                max_chunk_size: usize::try_from(self.piece_bytes).ok(),
            }),
            bucket: bucket.to_owned(),
            nuid: subjects::nuid(name),
            size: usize::try_from(self.bytes).unwrap_or(usize::MAX),
            chunks: self.sequences.len(),
            modified: None,
            digest: None,
            deleted: false,
        })
    }

    /// Reads a description; none for one that is not ours, or says that the blob was removed.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let info: ObjectInfo = serde_json::from_slice(json).ok()?;
        let sequences = info.metadata.get(SEQUENCES)?.split_whitespace();
        let found = Self {
            bytes: info.size as u64,
            piece_bytes: info.options?.max_chunk_size? as u64,
            sequences: sequences.map(str::parse).collect::<Result<_, _>>().ok()?,
        };
        let whole = found.piece_bytes > 0
            && found.sequences.len() as u64 == found.bytes.div_ceil(found.piece_bytes).max(1)
            && !info.deleted;
        whole.then_some(found)
    }
}
