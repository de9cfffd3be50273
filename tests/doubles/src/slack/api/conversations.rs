//! Channels: which there are, and opening direct messages.

use serde_json::{Value, json};

use super::{Answered, Arguments};
use crate::slack::json as written;
use crate::slack::state::{Channel, Kind, State};

/// Most channels in one answer.
const LIMIT_MAX: usize = 1_000;
/// Channels in one answer where the caller asks for no number.
const LIMIT: usize = 100;

/// `conversations.list`, or `users.conversations` with those that the bot is in only.
pub(super) fn list(state: &State, arguments: &Arguments, only_own: bool) -> Answered {
    let types = arguments.text("types").unwrap_or("public_channel");
    let is_wanted = |channel: &&Channel| {
        let kind = match channel.kind {
            Kind::Public => "public_channel",
            Kind::Private => "private_channel",
            Kind::Direct => "im",
        };
        let is_own = channel.members.contains(&state.bot);
        types.split(',').any(|wanted| wanted.trim() == kind)
            && (is_own || (channel.kind == Kind::Public && !only_own))
            && !(channel.is_archived && arguments.is_set("exclude_archived"))
    };
    let after = cursor(arguments)?;
    let limit = arguments.number("limit").unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let mut rest = state.channels.values().filter(is_wanted).skip(after);
    let channels: Vec<Value> = rest
        .by_ref()
        .take(limit)
        .map(|channel| written::channel(state, channel))
        .collect();
    let next = rest
        .next()
        .map_or_else(String::new, |_| next_cursor(after + channels.len()));
    Ok(json!({ "channels": channels, "response_metadata": { "next_cursor": next } }))
}

pub(super) fn info(state: &State, arguments: &Arguments) -> Answered {
    let channel = readable(state, arguments)?;
    Ok(json!({ "channel": written::channel(state, channel) }))
}

pub(super) fn open(state: &mut State, arguments: &Arguments) -> Answered {
    let user = arguments
        .text("users")
        .filter(|id| state.users.contains_key(*id))
        .ok_or("user_not_found")?
        .to_owned();
    let channel = state.direct_with(&user);
    Ok(json!({ "channel": { "id": channel } }))
}

/// The channel that a call is about, if the bot may know of it.
pub(super) fn readable<'s>(state: &'s State, arguments: &Arguments) -> Result<&'s Channel, &'static str> {
    let channel = arguments
        .text("channel")
        .and_then(|id| state.channels.get(id))
        .ok_or("channel_not_found")?;
    if channel.kind == Kind::Public || channel.members.contains(&state.bot) {
        Ok(channel)
    } else {
        Err("channel_not_found")
    }
}

/// How many entries were shown before.
pub(super) fn cursor(arguments: &Arguments) -> Result<usize, &'static str> {
    let Some(cursor) = arguments.text("cursor") else {
        return Ok(0);
    };
    let bytes = hex::decode(cursor).map_err(|_| "invalid_cursor")?;
    let text = String::from_utf8(bytes).map_err(|_| "invalid_cursor")?;
    text.strip_prefix("next:")
        .and_then(|count| count.parse().ok())
        .ok_or("invalid_cursor")
}

pub(super) fn next_cursor(shown: usize) -> String {
    hex::encode(format!("next:{shown}"))
}
