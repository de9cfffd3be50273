//! Ingress straight into the store: publishing and indexing are one transaction (design §4.1, step 4).

use std::sync::Arc;

use async_trait::async_trait;
use proto::inbound::Envelope;
use proto::time::Clock;
use store::{Appended, Store};

use crate::{Accepted, Hint, Hints, Ingress, IngressError};

/// Ingress of one node.
pub struct LocalIngress {
    store: Arc<dyn Store>,
    hints: Arc<dyn Hints>,
    clock: Arc<dyn Clock>,
}

impl LocalIngress {
    /// Appends to this store and hints over this bus.
    pub fn new(store: Arc<dyn Store>, hints: Arc<dyn Hints>, clock: Arc<dyn Clock>) -> Self {
        Self { store, hints, clock }
    }
}

#[async_trait]
impl Ingress for LocalIngress {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        let appended = self
            .store
            .append_inbox(&envelope, self.clock.now())
            .await
            .map_err(|error| match error {
                store::Error::NotFound { .. } => IngressError::NoSuchGroup(envelope.group.clone()),
                other => IngressError::Unavailable(Box::new(other)),
            })?;
        let accepted = Accepted {
            is_new: appended != Appended::Duplicate,
            log_sequence: None,
        };
        if !accepted.is_new {
            return Ok(accepted);
        }
        // One process: whoever listens is the owner and the last runner at once, and the claim decides.
        self.hints.publish(Hint::Inbox {
            group: envelope.group,
            owner: None,
            engages: envelope.engages,
        });
        if envelope.engages {
            self.hints.publish(Hint::Ready { runner: None });
        }
        Ok(accepted)
    }
}
