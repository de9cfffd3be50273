//! Channels, direct messages, threads, members.

use http::StatusCode;
use serde_json::Value;

use super::{Answered, Request, no_content, ok, snowflake, visible};
use crate::discord::error::ApiError;
use crate::discord::gateway::Intents;
use crate::discord::json;
use crate::discord::state::{ChannelKind, State};
use crate::platform::Answer;

pub(super) fn read(state: &State, channel: &str) -> Answered {
    Ok(ok(&json::whole_channel(state, visible(state, channel)?)))
}

pub(super) fn guild(state: &State, guild: &str) -> Answered {
    let guild = state.guilds.get(&snowflake(guild)?).ok_or(ApiError::UNKNOWN_GUILD)?;
    Ok(ok(&json::guild(guild)))
}

pub(super) fn member(state: &State, guild: &str, user: &str) -> Answered {
    let (guild, user) = (snowflake(guild)?, snowflake(user)?);
    if !state.guilds.contains_key(&guild) {
        return Err(ApiError::UNKNOWN_GUILD);
    }
    if !state.users.contains_key(&user) {
        return Err(ApiError::UNKNOWN_MEMBER);
    }
    Ok(ok(&json::member(state, guild, user, true)))
}

pub(super) fn open_dm(state: &mut State, request: &Request) -> Answered {
    let user = snowflake(request.json["recipient_id"].as_str().unwrap_or_default())?;
    if !state.users.contains_key(&user) {
        return Err(ApiError::UNKNOWN_USER);
    }
    let channel = state.dm_with(user);
    Ok(ok(&json::whole_channel(state, channel)))
}

pub(super) fn typing(state: &mut State, channel: &str) -> Answered {
    let id = visible(state, channel)?;
    let bot = state.bot;
    if let Some(channel) = state.channels.get_mut(&id) {
        channel.typing += 1;
    }
    let data = serde_json::json!({
        "channel_id": id.to_string(),
        "user_id": bot.to_string(),
        "timestamp": state.now_ms / 1_000,
    });
    // 1 << 11 in guilds, 1 << 14 in direct messages.
    let intent = Intents(if state.is_dm(id) { 1 << 14 } else { 1 << 11 });
    let now_ms = state.now_ms;
    state.gateway.dispatch("TYPING_START", intent, &data, None, now_ms);
    Ok(no_content())
}

pub(super) fn thread(state: &mut State, channel: &str, message: Option<&str>, request: &Request) -> Answered {
    let parent = visible(state, channel)?;
    let name = request.json["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(ApiError::invalid(
            "name",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 100 in length.",
        ));
    }
    let guild = state.channels[&parent].guild;
    let kind = ChannelKind::Thread { parent };
    let id = match message {
        Some(message) => {
            let message = snowflake(message)?;
            if !state.channels[&parent].messages.contains_key(&message) {
                return Err(ApiError::UNKNOWN_MESSAGE);
            }
            state.put_channel(message, kind, guild, name);
            message
        }
        None => state.add_channel(kind, guild, name),
    };
    let value: Value = json::channel(&state.channels[&id]);
    Ok(Answer::json(StatusCode::CREATED, &value))
}
