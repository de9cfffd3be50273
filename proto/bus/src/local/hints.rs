//! Hints over a broadcast channel.

use async_trait::async_trait;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{Hint, Hints, Interest, Listener};

/// Hints a slow listener may be behind before it misses some: bounds memory, a sweep repairs the rest.
const BACKLOG: usize = 1024;

/// Hints within one process.
#[derive(Debug)]
pub struct LocalHints {
    sender: broadcast::Sender<Hint>,
}

impl LocalHints {
    /// Starts without listeners.
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Default for LocalHints {
    fn default() -> Self {
        Self::new()
    }
}

impl Hints for LocalHints {
    fn publish(&self, hint: Hint) {
        // An error means that nobody listens: then nobody misses it.
        let _ = self.sender.send(hint);
    }

    fn listen(&self, interest: Interest) -> Box<dyn Listener> {
        Box::new(LocalListener {
            receiver: self.sender.subscribe(),
            interest,
        })
    }
}

struct LocalListener {
    receiver: broadcast::Receiver<Hint>,
    interest: Interest,
}

#[async_trait]
impl Listener for LocalListener {
    async fn next(&mut self) -> Option<Hint> {
        loop {
            match self.receiver.recv().await {
                Ok(hint) if self.interest.covers(&hint) => return Some(hint),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return None,
                // The publisher is gone: nothing will ever come again.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
