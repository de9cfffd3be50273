//! What reached the inbox.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::{Accepted, Ingress, IngressError};
use proto::inbound::Envelope;

use crate::world::World;

/// The ingress, and what it was given.
pub(crate) struct Heard {
    ingress: Arc<dyn Ingress>,
    taken: Arc<Mutex<Vec<Envelope>>>,
}

#[async_trait]
impl Ingress for Heard {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        let (ingress, taken) = (Arc::clone(&self.ingress), Arc::clone(&self.taken));
        // What is stored is heard, also when whoever brought it has gone meanwhile.
        #[expect(clippy::disallowed_methods, reason = "a test has no lifecycle")]
        let accepting = tokio::spawn(async move {
            let accepted = ingress.accept(envelope.clone()).await?;
            if accepted.is_new {
                taken.lock().unwrap().push(envelope);
            }
            Ok(accepted)
        });
        accepting.await.unwrap()
    }
}

impl Heard {
    pub(crate) fn of(world: &World) -> Arc<Self> {
        Arc::new(Self {
            ingress: world.ingress.clone(),
            taken: Arc::default(),
        })
    }

    /// What is in the inbox, in order.
    pub(crate) fn all(&self) -> Vec<Envelope> {
        self.taken.lock().unwrap().clone()
    }

    /// The message that contains a text, when it is in the inbox.
    pub(crate) fn find(&self, text: &str) -> Option<Envelope> {
        self.all().into_iter().find(|envelope| envelope.text.contains(text))
    }

    /// How many messages of the inbox contain a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.all()
            .iter()
            .filter(|envelope| envelope.text.contains(text))
            .count()
    }
}
