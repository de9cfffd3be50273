//! Whether a part is in its channel, by the channel's history. Discord does not keep the nonce, so the message is known by
//! its author, its time and what it says.

use std::time::Duration;

use proto::outbound::{Delivery, Extra, Part};
use serde::Deserialize as _;
use serde_json::Value;

use super::Discord;
use super::api::CallError;
use super::model::{Identified, Message, Snowflake};
use crate::channel::lenient;

/// Messages of one page: the most there are.
const PAGE: usize = 100;
/// Pages looked through: a channel in which more is said within minutes is no conversation.
const PAGES_MAX: usize = 5;
/// How far Discord's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);

/// What a history says of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Here(Snowflake),
    NotHere,
    /// The bot may not read the history; then Discord shows it an empty one.
    Unreadable,
}

impl Discord {
    /// Looks for the part among what was written since its delivery was, and since the last message that we know to be
    /// another's: a chat's messages are sent in order.
    pub(super) async fn find(&self, channel: Snowflake, delivery: &Delivery, part: &Part) -> Result<Found, String> {
        let since = Snowflake::at(delivery.created_at - SKEW).max(self.places.last_sent(channel));
        let route = format!("GET channels/{channel}/messages");
        let mut before: Option<Snowflake> = None;
        for look in 0..PAGES_MAX {
            let bound = before.map_or_else(String::new, |id| format!("&before={id}"));
            let path = format!("channels/{channel}/messages?limit={PAGE}{bound}");
            let page: Vec<Value> = match self.api.get(&route, &path).await {
                Ok(page) => page,
                Err(CallError::NoAccess(_)) => return Ok(Found::Unreadable),
                Err(CallError::Refused(reason) | CallError::Failed(reason)) => return Err(reason),
            };
            // What is not understood is none of ours: those are plain.
            let messages: Vec<Message> = page.iter().filter_map(lenient::one).collect();
            let newer = messages.iter().filter(|message| message.id > since);
            // Of several alike the oldest is the one in doubt.
            if let Some(message) = newer.rev().find(|message| is_it(message, self.bot, delivery, part)) {
                return Ok(Found::Here(message.id));
            }
            match page
                .iter()
                .rev()
                .find_map(|object| Identified::deserialize(object).ok())
            {
                None if look == 0 => return Ok(Found::Unreadable),
                Some(oldest) if oldest.id > since && page.len() == PAGE => before = Some(oldest.id),
                _ => return Ok(Found::NotHere),
            }
        }
        Ok(Found::NotHere)
    }
}

fn is_it(message: &Message, bot: Snowflake, delivery: &Delivery, part: &Part) -> bool {
    let size = match &delivery.extra {
        Some(Extra::File(file)) if part.from == 0 => Some(file.bytes),
        _ => None,
    };
    // Discord takes blanks off both ends.
    message.author.id == bot
        && message.content.trim() == part.text.trim()
        && message.attachments.first().and_then(|attachment| attachment.size) == size
}
