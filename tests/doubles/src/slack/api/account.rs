//! Who the bot is, sockets for the app, people, and the status of a thread.

use serde_json::json;

use super::{Answered, Arguments};
use crate::slack::ids;
use crate::slack::state::State;

/// Statuses kept.
const STATUSES_MAX: usize = 1_000;

pub(super) fn auth_test(state: &State) -> Answered {
    let bot = state.users.get(&state.bot).ok_or("account_inactive")?;
    Ok(json!({
        "url": "https://stand-in.slack.com/",
        "team": "Stand-in",
        "team_id": state.team,
        "user": bot.name,
        "user_id": bot.id,
        "bot_id": bot.bot_id,
        "is_enterprise_install": false,
    }))
}

pub(super) fn open_connection(state: &mut State) -> Answered {
    let ticket = state.events.new_ticket();
    Ok(json!({ "url": format!("ws://{}/link/?ticket={ticket}&app_id={}", state.origin, state.app) }))
}

pub(super) fn user(state: &State, arguments: &Arguments) -> Answered {
    let user = arguments
        .text("user")
        .and_then(|id| state.users.get(id))
        .ok_or("user_not_found")?;
    Ok(json!({ "user": {
        "id": user.id,
        "team_id": state.team,
        "name": user.name,
        "real_name": user.real_name,
        "profile": { "real_name": user.real_name, "display_name": "" },
        "is_bot": user.bot_id.is_some(),
        "deleted": false,
    }}))
}

pub(super) fn set_status(state: &mut State, arguments: &Arguments) -> Answered {
    let channel = arguments
        .text("channel_id")
        .filter(|id| state.bot_is_in(id))
        .ok_or("channel_not_found")?
        .to_owned();
    let thread = arguments.text("thread_ts").ok_or("invalid_thread_ts")?.to_owned();
    let known = ids::micros(&thread).is_some_and(|micros| state.channels[&channel].messages.contains_key(&micros));
    if !known {
        return Err("invalid_thread_ts");
    }
    if state.statuses.len() == STATUSES_MAX {
        state.statuses.remove(0);
    }
    let status = arguments.text("status").unwrap_or_default().to_owned();
    state.statuses.push((channel, thread, status));
    Ok(json!({}))
}
