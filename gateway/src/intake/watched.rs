//! Tells on `/readyz` whether messages are taken.

use std::sync::Arc;

use async_trait::async_trait;
use bus::{Accepted, Ingress, IngressError};
use proto::inbound::Envelope;
use proto::time::Clock;
use service::causes::with_causes;
use service::readiness::Condition;

/// A way in that says what came of the last message. A part of the gateway's health: where all gateways have one broker, a platform
/// that is sent to another one finds the same.
pub(crate) struct Watched {
    ingress: Arc<dyn Ingress>,
    clock: Arc<dyn Clock>,
    part: Condition,
}

impl Watched {
    pub(crate) fn new(ingress: Arc<dyn Ingress>, clock: Arc<dyn Clock>, part: Condition) -> Self {
        Self { ingress, clock, part }
    }
}

#[async_trait]
impl Ingress for Watched {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        let accepted = self.ingress.accept(envelope).await;
        match &accepted {
            Ok(_) => self.part.ok(),
            Err(error @ IngressError::Unavailable(_)) => {
                let now = self.clock.now();
                let reason = format!("the last message, at {now}, was not taken; whoever sent it tries again");
                self.part.degraded(with_causes(reason, error));
            }
            Err(IngressError::NoSuchGroup(_) | IngressError::TooLarge { .. }) => {}
        }
        accepted
    }
}
