//! Reactions.

use serde_json::json;

use super::{Answered, no_content, snowflake, visible};
use crate::discord::error::ApiError;
use crate::discord::gateway::Intents;
use crate::discord::state::State;

pub(super) fn put(state: &mut State, channel: &str, message: &str, emoji: &str) -> Answered {
    let (channel, message) = (visible(state, channel)?, snowflake(message)?);
    // Custom emoji are `name:id`, all others are no ASCII; a `:thumbsup:` is neither.
    let is_custom = emoji.rsplit_once(':').is_some_and(|(_, id)| id.parse::<u64>().is_ok());
    if emoji.is_ascii() && !is_custom {
        return Err(ApiError::UNKNOWN_EMOJI);
    }
    let bot = state.bot;
    react(state, channel, message, bot, emoji).ok_or(ApiError::UNKNOWN_MESSAGE)?;
    Ok(no_content())
}

pub(super) fn remove(state: &mut State, channel: &str, message: &str, emoji: &str) -> Answered {
    let (channel, message) = (visible(state, channel)?, snowflake(message)?);
    let own = (emoji.to_owned(), state.bot);
    let kept = state
        .channels
        .get_mut(&channel)
        .and_then(|channel| channel.messages.get_mut(&message));
    let kept = kept.ok_or(ApiError::UNKNOWN_MESSAGE)?;
    kept.reactions.retain(|reaction| *reaction != own);
    Ok(no_content())
}

/// Adds somebody's reaction once.
pub(in crate::discord) fn react(state: &mut State, channel: u64, message: u64, user: u64, emoji: &str) -> Option<()> {
    let kept = state.channels.get_mut(&channel)?;
    let (guild, reaction) = (kept.guild, (emoji.to_owned(), user));
    let reactions = &mut kept.messages.get_mut(&message)?.reactions;
    if reactions.contains(&reaction) {
        return Some(());
    }
    reactions.push(reaction);
    let data = json!({
        "user_id": user.to_string(),
        "channel_id": channel.to_string(),
        "message_id": message.to_string(),
        "guild_id": guild.map(|guild| guild.to_string()),
        "emoji": { "id": null, "name": emoji },
        "burst": false,
        "type": 0,
    });
    let intent = match guild {
        Some(_) => Intents::GUILD_MESSAGE_REACTIONS,
        None => Intents::DIRECT_MESSAGE_REACTIONS,
    };
    let now_ms = state.now_ms;
    state
        .gateway
        .dispatch("MESSAGE_REACTION_ADD", intent, &data, None, now_ms);
    Some(())
}
