//! Ingress: the way of an accepted message into its group's inbox.

use async_trait::async_trait;
use proto::inbound::Envelope;

/// A message that is durable, and is in its inbox or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// False: it was there before, under the same dedup key.
    pub is_new: bool,
    /// Its sequence in the log, from which it is still to be indexed; none: it is in the inbox.
    pub log_sequence: Option<u64>,
}

/// Why a message could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The group is not registered (any more).
    #[error("group {0} is not registered")]
    NoSuchGroup(proto::ids::GroupId),
    /// It never will be taken: as it travels it is larger than the log takes.
    #[error("the message is too large: {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It could not be made durable now; the platform must send it again.
    #[error("the message could not be stored")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Takes messages durably. Only after [`Ingress::accept`] returned is the platform told.
#[async_trait]
pub trait Ingress: Send + Sync + 'static {
    /// Makes a message durable; a second one with the same dedup key is swallowed. Messages of one group keep the order in
    /// which they were given.
    ///
    /// A call whose future is dropped may take effect all the same.
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError>;
}
