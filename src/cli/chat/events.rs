//! The stream of a chat's events, opened again whenever it breaks.

use std::time::Duration;

use gateway::channel::cli::wire::{Ack, Event, ReplyEvent};
use proto::ids::{GroupId, OutboxId};
use proto::ipc::Progress;
use reqwest::{Method, Response};

use super::shown::Shown;
use crate::cli::control::{Control, ControlError};

/// Wait between tries to reach a node that went away: a restart takes a second or two.
const RETRY: Duration = Duration::from_millis(250);
/// A stream that is silent for longer has lost its node: it shows itself every ten seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Longest line: one reply with generous escaping. More is not our node.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a client gets to know.
#[derive(Debug)]
pub(super) enum Update {
    /// A reply that has not been shown.
    Reply(ReplyEvent),
    /// Something to watch.
    Progress(Progress),
    /// The agent began or stopped working.
    Working,
    /// The node went away; it is being looked for.
    Lost,
    /// The node is there again.
    Back,
}

/// The events of one chat.
pub(super) struct Events {
    control: Control,
    chat: String,
    shown: Shown,
    stream: Option<Response>,
    received: Vec<u8>,
    /// Shown, and not acknowledged yet: kept here, so that a cancelled wait does not lose it.
    to_acknowledge: Option<OutboxId>,
    lost: bool,
}

impl Events {
    /// Opens the chat.
    pub(super) async fn open(control: Control, group: &GroupId) -> Result<Self, ControlError> {
        let data_dir = control.socket().parent().unwrap_or(std::path::Path::new("."));
        let shown = Shown::read(data_dir, group);
        let mut events = Self {
            chat: format!("/v1/chats/{}", gateway::channel::cli::chat_of(group)),
            control,
            shown,
            stream: None,
            received: Vec::new(),
            to_acknowledge: None,
            lost: false,
        };
        events.connect().await?;
        Ok(events)
    }

    /// The next update. Cancel-safe.
    ///
    /// # Errors
    /// When the node refuses for good, for example because the group was removed.
    pub(super) async fn next(&mut self) -> Result<Update, ControlError> {
        loop {
            self.acknowledge().await;
            if self.stream.is_none() {
                if !std::mem::replace(&mut self.lost, true) {
                    return Ok(Update::Lost);
                }
                match self.connect().await {
                    Ok(()) => {
                        self.lost = false;
                        return Ok(Update::Back);
                    }
                    Err(error) if error.is_passing() => tokio::time::sleep(RETRY).await,
                    Err(error) => return Err(error),
                }
            } else if let Some(event) = self.take_line() {
                if let Some(update) = self.update(event) {
                    return Ok(update);
                }
            } else if !self.receive().await {
                self.disconnect();
            }
        }
    }

    /// Notes that a reply is on the screen or flushed to where standard output goes, and acknowledges it.
    pub(super) async fn shown(&mut self, reply: &ReplyEvent) -> std::io::Result<()> {
        let noted = self.shown.add(reply);
        self.to_acknowledge = Some(reply.id);
        self.acknowledge().await;
        noted
    }

    async fn connect(&mut self) -> Result<(), ControlError> {
        let query = self
            .shown
            .after()
            .map_or(String::new(), |after| format!("?after={after}"));
        self.stream = Some(self.control.stream(&format!("{}/events{query}", self.chat)).await?);
        Ok(())
    }

    async fn acknowledge(&mut self) {
        let Some(id) = self.to_acknowledge else { return };
        let path = format!("{}/acks", self.chat);
        let told = self.control.tell(Method::POST, &path, Some(&Ack { id })).await;
        self.to_acknowledge = None;
        if told.is_err() {
            // Opened again, the chat offers the reply again, and it is known by its id.
            self.disconnect();
        }
    }

    fn disconnect(&mut self) {
        self.stream = None;
        self.received.clear();
    }

    /// Takes in what came; false at the end of the stream.
    async fn receive(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match tokio::time::timeout(SILENCE_MAX, stream.chunk()).await {
            Ok(Ok(Some(chunk))) if self.received.len() + chunk.len() <= LINE_BYTES_MAX => {
                self.received.extend_from_slice(&chunk);
                true
            }
            _ => false,
        }
    }

    fn take_line(&mut self) -> Option<Event> {
        loop {
            let end = self.received.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.received.drain(..=end).collect();
            // A newer node may send kinds of lines that this client does not know.
            if let Ok(event) = serde_json::from_slice(&line) {
                return Some(event);
            }
        }
    }

    fn update(&mut self, event: Event) -> Option<Update> {
        match event {
            Event::Reply(reply) if self.shown.contains(&reply) => {
                self.to_acknowledge = Some(reply.id);
                None
            }
            Event::Reply(reply) => Some(Update::Reply(reply)),
            Event::Progress { kind, text } => Some(Update::Progress(Progress { kind, text })),
            Event::Working { on: _ } => Some(Update::Working),
            Event::Alive => None,
        }
    }
}
