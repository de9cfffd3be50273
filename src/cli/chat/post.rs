//! Sending a message, as often as it takes.

use std::time::Duration;

use gateway::channel::cli::wire::{ChatState, Message, Posted, PostedStatus};
use proto::ids::{GroupId, IdSource};
use reqwest::Method;
use service::ids::RandomIds;

use crate::cli::control::{Control, ControlError};

/// Wait between tries.
const RETRY: Duration = Duration::from_millis(250);

/// The writing side of a chat.
#[derive(Clone)]
pub(super) struct Poster {
    control: Control,
    chat: String,
}

impl Poster {
    pub(super) fn new(control: Control, group: &GroupId) -> Self {
        let chat = format!("/v1/chats/{}", gateway::channel::cli::chat_of(group));
        Self { control, chat }
    }

    /// Sends a message under one id until the node has taken or refused it.
    ///
    /// # Errors
    /// When the node refuses it.
    pub(super) async fn post(&self, text: String) -> Result<PostedStatus, ControlError> {
        let message = Message {
            id: RandomIds.uuid().to_string(),
            text,
            sender: None,
        };
        let path = format!("{}/messages", self.chat);
        loop {
            match self.control.ask::<Posted>(Method::POST, &path, &message).await {
                Ok(posted) => return Ok(posted.status),
                // The id makes it one message, however often it arrives.
                Err(error) if error.is_passing() => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// What is still on its way.
    pub(super) async fn state(&self) -> Result<ChatState, ControlError> {
        self.control.get(&format!("{}/state", self.chat)).await
    }
}
