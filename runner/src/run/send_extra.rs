//! What an agent sends beside texts: files of its workspace, and reactions.

use proto::ipc::requests::{React, SendFile};
use proto::outbound::{Extra, Reply};
use serde_json::Value;

use super::GroupRun;
use super::attachments::NotTaken;
use super::request::{Refused, told};

/// Longest emoji, in characters: families and flags are made of up to ten.
const EMOJI_CHARS_MAX: usize = 16;
/// Longest id of a message that a platform gives.
const MESSAGE_ID_BYTES_MAX: usize = 256;

impl GroupRun {
    /// A file of the workspace becomes one of the delivery: what the agent does to it afterwards changes nothing.
    pub(super) async fn send_file(&mut self, id: &str, call: SendFile) -> Result<Value, Refused> {
        let file = self.take_file(&call.path, id).await.map_err(|error| match error {
            NotTaken::Unsendable(_) => told("bad_request", error.to_string()),
            NotTaken::Unavailable => told("unavailable", error.to_string()),
        })?;
        self.send(Reply {
            key: id.to_owned(),
            chat: self.reply_chat.clone(),
            text: call.caption.unwrap_or_default(),
            sender: None,
            extra: Some(Extra::File(file)),
        })
        .await
    }

    /// An emoji on a message of the chat, by default on the one that called the agent.
    pub(super) async fn react(&mut self, id: &str, call: React) -> Result<Value, Refused> {
        let emoji = call.emoji.trim();
        if emoji.is_empty() || emoji.chars().count() > EMOJI_CHARS_MAX {
            return Err(told("bad_request", "emoji must be one emoji"));
        }
        let given = call.message_id.filter(|message| !message.is_empty());
        let Some(message) = given.or_else(|| self.called_by.clone()) else {
            return Err(told("bad_request", "there is no message here that one can react to"));
        };
        if message.len() > MESSAGE_ID_BYTES_MAX {
            return Err(told(
                "bad_request",
                "message_id must be the id of a message of the prompt",
            ));
        }
        let emoji = emoji.to_owned();
        self.send(Reply {
            key: id.to_owned(),
            chat: self.reply_chat.clone(),
            text: String::new(),
            sender: None,
            extra: Some(Extra::Reaction { message, emoji }),
        })
        .await
    }
}
