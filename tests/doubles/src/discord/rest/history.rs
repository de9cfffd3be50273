//! Messages read back.

use serde_json::{Value, json};

use super::{Answered, Request, no_content, ok, snowflake, visible};
use crate::discord::error::ApiError;
use crate::discord::gateway::Intents;
use crate::discord::json::message;
use crate::discord::state::{Message, State};

/// Messages per page when the caller does not say.
const PAGE: usize = 50;
/// Messages per page at most.
const PAGE_MAX: usize = 100;

/// A page, newest first. `after` gives the oldest ones after it, `before` the newest ones before it.
pub(super) fn list(state: &State, channel: &str, request: &Request) -> Answered {
    let channel = visible(state, channel)?;
    let messages = &state.channels[&channel].messages;
    let limit = limit(request)?;
    let bound = |name: &str| request.call.query.get(name).map(|id| snowflake(id)).transpose();
    let page: Vec<&Message> = match (bound("after")?, bound("before")?, bound("around")?) {
        (Some(after), _, _) => {
            let mut page: Vec<_> = messages
                .range(after.saturating_add(1)..)
                .map(|(_, message)| message)
                .collect();
            page.truncate(limit);
            page.reverse();
            page
        }
        (None, Some(before), _) => newest(messages.range(..before), limit),
        (None, None, Some(around)) => {
            let mut page = newest(messages.range(..=around), limit / 2 + 1);
            for (_, message) in messages.range(around.saturating_add(1)..).take(limit / 2) {
                page.insert(0, message);
            }
            page.truncate(limit);
            page
        }
        (None, None, None) => newest(messages.range(..), limit),
    };
    let page: Vec<Value> = page.into_iter().map(|kept| message(state, kept)).collect();
    Ok(ok(&page.into()))
}

fn newest<'a>(range: impl DoubleEndedIterator<Item = (&'a u64, &'a Message)>, limit: usize) -> Vec<&'a Message> {
    range.rev().take(limit).map(|(_, message)| message).collect()
}

fn limit(request: &Request) -> Result<usize, ApiError> {
    match request.call.query.get("limit").map(|limit| limit.parse::<usize>()) {
        None => Ok(PAGE),
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::invalid(
            "limit",
            "NUMBER_TYPE_MAX",
            &format!("int value should be less than or equal to {PAGE_MAX}."),
        )),
    }
}

pub(super) fn read(state: &State, channel: &str, id: &str) -> Answered {
    let channel = visible(state, channel)?;
    let kept = state.channels[&channel].messages.get(&snowflake(id)?);
    Ok(ok(&message(state, kept.ok_or(ApiError::UNKNOWN_MESSAGE)?)))
}

pub(super) fn delete(state: &mut State, channel: &str, id: &str) -> Answered {
    let (channel, id) = (visible(state, channel)?, snowflake(id)?);
    remove(state, channel, id).ok_or(ApiError::UNKNOWN_MESSAGE)?;
    Ok(no_content())
}

/// Takes a message away, whoever asks for it.
pub(in crate::discord) fn remove(state: &mut State, channel: u64, id: u64) -> Option<()> {
    let kept = state.channels.get_mut(&channel)?;
    kept.messages.remove(&id)?;
    let mut data = json!({ "id": id.to_string(), "channel_id": channel.to_string() });
    let intent = match kept.guild {
        Some(guild) => {
            data["guild_id"] = guild.to_string().into();
            Intents::GUILD_MESSAGES
        }
        None => Intents::DIRECT_MESSAGES,
    };
    let now_ms = state.now_ms;
    state.gateway.dispatch("MESSAGE_DELETE", intent, &data, None, now_ms);
    Some(())
}
