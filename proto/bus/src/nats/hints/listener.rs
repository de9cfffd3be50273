//! One listener: its end in the switchboard, and the end its owner holds.

use std::sync::atomic::Ordering;

use async_nats::{Client, Message, Subscriber};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{SelectAll, select_all};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::Tally;
use super::wire::{decode, heard};
use crate::nats::link::LinkReader;
use crate::nats::subjects::Subjects;
use crate::{Hint, Interest, Listener};

/// Where the switchboard puts what a listener is to hear.
pub(super) struct Ear {
    hints: mpsc::Sender<Hint>,
    missed: watch::Sender<u64>,
}

/// Subscriptions of one interest, on one client.
pub(super) struct Subscriptions {
    session: u64,
    messages: SelectAll<Subscriber>,
}

impl Ear {
    pub(super) fn new(hints: mpsc::Sender<Hint>, missed: watch::Sender<u64>) -> Self {
        Self { hints, missed }
    }

    fn miss(&self) {
        self.missed.send_modify(|count| *count += 1);
    }
}

/// Subscribes, if there is a connection.
pub(super) async fn subscribe(subjects: &Subjects, interest: &Interest, link: &LinkReader) -> Option<Subscriptions> {
    let now = link.now();
    let client = now.client?;
    let mut messages = Vec::new();
    for heard in heard(subjects, interest) {
        messages.push(subscribe_to(&client, heard.subject, heard.queue).await?);
    }
    Some(Subscriptions {
        session: now.session,
        messages: select_all(messages),
    })
}

async fn subscribe_to(client: &Client, subject: String, queue: Option<&str>) -> Option<Subscriber> {
    let subscribed = match queue {
        Some(queue) => client.queue_subscribe(subject, queue.to_owned()).await,
        None => client.subscribe(subject).await,
    };
    subscribed
        .inspect_err(|error| tracing::debug!(error = error as &dyn std::error::Error, "cannot subscribe now"))
        .ok()
}

/// Serves one listener until it is dropped; subscribes anew with every new client.
pub(super) async fn serve(
    ear: Ear,
    interest: Interest,
    subjects: Subjects,
    mut link: LinkReader,
    first: Option<Subscriptions>,
    tally: &Tally,
) {
    let mut current = first;
    let mut gaps = link.now().gaps;
    loop {
        let now = link.now();
        if now.gaps != gaps {
            gaps = now.gaps;
            ear.miss();
        }
        if now.client.is_none() || current.as_ref().is_some_and(|current| current.session != now.session) {
            current = None;
        }
        if current.is_none() {
            current = subscribe(&subjects, &interest, &link).await;
            if current.is_some() {
                ear.miss();
            }
        }
        tokio::select! {
            () = ear.hints.closed() => return,
            () = link.changed() => {}
            message = next(&mut current) => match message {
                Some(message) => hear(&ear, &interest, &message, tally),
                None => current = None,
            }
        }
    }
}

async fn next(current: &mut Option<Subscriptions>) -> Option<Message> {
    match current {
        Some(subscriptions) => subscriptions.messages.next().await,
        None => std::future::pending().await,
    }
}

fn hear(ear: &Ear, interest: &Interest, message: &Message, tally: &Tally) {
    match decode(&message.payload) {
        Ok(hint) if interest.covers(&hint) => {
            if let Err(TrySendError::Full(_)) = ear.hints.try_send(hint) {
                ear.miss();
            }
        }
        Ok(_) => {
            tally.malformed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(subject = %message.subject, "a hint arrived where it does not belong");
        }
        Err(reason) => {
            tally.malformed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(subject = %message.subject, reason, "a hint is not understood");
        }
    }
}

/// The owner's end.
pub(super) struct NatsListener {
    hints: mpsc::Receiver<Hint>,
    gaps: watch::Receiver<u64>,
    is_deaf: bool,
}

impl NatsListener {
    pub(super) fn new(hints: mpsc::Receiver<Hint>, gaps: watch::Receiver<u64>) -> Self {
        Self {
            hints,
            gaps,
            is_deaf: false,
        }
    }
}

#[async_trait]
impl Listener for NatsListener {
    async fn next(&mut self) -> Option<Hint> {
        while !self.is_deaf {
            tokio::select! {
                biased;
                changed = self.gaps.changed() => match changed {
                    Ok(()) => return None,
                    Err(_) => self.is_deaf = true,
                },
                hint = self.hints.recv() => match hint {
                    Some(hint) => return Some(hint),
                    None => self.is_deaf = true,
                },
            }
        }
        // The driver ended: nothing will ever come again.
        std::future::pending().await
    }
}
