//! Publishes what waits, and serves the listeners. A part of the driver.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::listener::{serve, subscribe};
use super::wire::{encode, published};
use super::{Command, Tally};
use crate::Hint;
use crate::nats::link::LinkReader;
use crate::nats::subjects::Subjects;

/// Time the client may take to accept a hint: it takes none while it is busy with a dead connection.
const ACCEPT_TIMEOUT: Duration = Duration::from_millis(200);

/// Serves the hints.
pub(in crate::nats) struct Switchboard {
    commands: mpsc::UnboundedReceiver<Command>,
    subjects: Subjects,
    link: LinkReader,
    tally: Arc<Tally>,
}

impl Switchboard {
    pub(super) fn new(
        commands: mpsc::UnboundedReceiver<Command>,
        subjects: Subjects,
        link: LinkReader,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            commands,
            subjects,
            link,
            tally,
        }
    }

    /// Serves until the hints are gone.
    pub(in crate::nats) async fn run(mut self) {
        let tally = Arc::clone(&self.tally);
        let mut listeners: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Publish(hint)) => {
                        self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
                        self.publish(hint).await;
                    }
                    Some(Command::Listen(interest, ear)) => {
                        // Before the next command, so that a hint published after this one is heard.
                        let first = subscribe(&self.subjects, &interest, &self.link).await;
                        let (subjects, link) = (self.subjects.clone(), self.link.clone());
                        listeners.push(Box::pin(serve(ear, interest, subjects, link, first, &tally)));
                    }
                    None => return,
                },
                Some(()) = listeners.next() => {}
            }
        }
    }

    async fn publish(&self, hint: Hint) {
        let Some(client) = self.link.client() else {
            self.tally.drop_one();
            return;
        };
        let subjects = published(&self.subjects, &hint);
        let Ok(payload) = encode(hint) else {
            self.tally.drop_one();
            return;
        };
        let payload = bytes::Bytes::from(payload);
        for subject in subjects {
            let accepted = tokio::time::timeout(ACCEPT_TIMEOUT, client.publish(subject, payload.clone())).await;
            if !matches!(accepted, Ok(Ok(()))) {
                self.tally.drop_one();
            }
        }
    }
}
