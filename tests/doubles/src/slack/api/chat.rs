//! Posting, rewriting and reacting.

use serde_json::json;

use super::{Answered, Arguments};
use crate::slack::ids;
use crate::slack::json as written;
use crate::slack::state::{Kind, Message, State};

/// Longest text of a new message, in characters.
const TEXT_MAX: usize = 40_000;
/// Longest text of a rewritten message.
const UPDATE_TEXT_MAX: usize = 4_000;

pub(super) fn post(state: &mut State, arguments: &Arguments) -> Answered {
    let channel = target(state, arguments.text("channel"))?;
    let text = arguments.text("text").unwrap_or_default();
    if text.trim().is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > TEXT_MAX {
        return Err("msg_too_long");
    }
    let thread = thread(state, &channel, arguments.text("thread_ts"))?;
    let metadata = match arguments.value("metadata") {
        Some(metadata) if !metadata["event_type"].is_string() || !metadata["event_payload"].is_object() => {
            return Err("invalid_metadata_format");
        }
        metadata => metadata,
    };
    let message = Message {
        user: state.bot.clone(),
        text: text.to_owned(),
        thread,
        metadata,
        ..Message::default()
    };
    let message = state.post(&channel, message);
    let written = written::message(state, &channel, &message, true);
    Ok(json!({ "channel": channel, "ts": message.ts(), "message": written }))
}

/// Where a message may go: a channel the bot is in, or somebody's direct messages.
pub(super) fn target(state: &mut State, channel: Option<&str>) -> Result<String, &'static str> {
    let channel = channel.ok_or("channel_not_found")?;
    if state.users.contains_key(channel) {
        return Ok(state.direct_with(channel));
    }
    let found = state.channels.get(channel).ok_or("channel_not_found")?;
    match (found.members.contains(&state.bot), found.kind) {
        _ if found.is_archived => Err("is_archived"),
        (true, _) => Ok(found.id.clone()),
        (false, Kind::Public) => Err("not_in_channel"),
        (false, Kind::Private | Kind::Direct) => Err("channel_not_found"),
    }
}

/// The parent of an answer: answers to an answer go to its thread.
pub(super) fn thread(state: &State, channel: &str, ts: Option<&str>) -> Result<Option<u64>, &'static str> {
    let Some(ts) = ts else { return Ok(None) };
    let micros = ids::micros(ts).ok_or("invalid_thread_ts")?;
    let parent = state.channels[channel]
        .messages
        .get(&micros)
        .ok_or("thread_not_found")?;
    Ok(Some(parent.thread.unwrap_or(micros)))
}

pub(super) fn update(state: &mut State, arguments: &Arguments) -> Answered {
    let channel = target(state, arguments.text("channel"))?;
    let ts = arguments.text("ts").ok_or("message_not_found")?;
    let text = arguments.text("text").ok_or("no_text")?;
    if text.chars().count() > UPDATE_TEXT_MAX {
        return Err("msg_too_long");
    }
    let bot = state.bot.clone();
    let message = state.message_mut(&channel, ts).ok_or("message_not_found")?;
    if message.user != bot {
        return Err("cant_update_message");
    }
    state.change(&channel, ts, text);
    Ok(json!({ "channel": channel, "ts": ts, "text": text }))
}

pub(super) fn react(state: &mut State, arguments: &Arguments) -> Answered {
    let channel = target(state, arguments.text("channel"))?;
    let name = arguments.text("name").ok_or("no_reaction")?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-+':".contains(&byte);
    if !name.bytes().all(is_name) {
        return Err("invalid_name");
    }
    let by = state.bot.clone();
    let message = arguments
        .text("timestamp")
        .and_then(|ts| state.message_mut(&channel, ts))
        .ok_or("message_not_found")?;
    let reaction = (name.to_owned(), by);
    if message.reactions.contains(&reaction) {
        return Err("already_reacted");
    }
    message.reactions.push(reaction);
    Ok(json!({}))
}
