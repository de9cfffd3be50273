//! Tells on `/readyz` whether messages are taken.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use bus::{Accepted, Ingress, IngressError};
use proto::inbound::Envelope;
use proto::time::Clock;
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
                let mut reason = format!("the last message, at {now}, was not taken; whoever sent it tries again");
                let mut cause = error.source();
                while let Some(error) = cause {
                    reason = format!("{reason}: {error}");
                    cause = error.source();
                }
                self.part.degraded(reason);
            }
            Err(IngressError::NoSuchGroup(_) | IngressError::TooLarge { .. }) => {}
        }
        accepted
    }
}
