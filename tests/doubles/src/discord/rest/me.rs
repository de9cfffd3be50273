//! Who the bot is, and where its gateway is.

use serde_json::json;

use super::{Answered, ok, session_start_limit};
use crate::discord::json::bot_user;
use crate::discord::state::State;

pub(super) fn user(state: &State) -> Answered {
    Ok(ok(&bot_user(&state.users[&state.bot])))
}

pub(super) fn application(state: &State) -> Answered {
    Ok(ok(&json!({
        "id": state.application.to_string(),
        "name": state.users[&state.bot].name,
        "flags": 565_248,
    })))
}

pub(super) fn gateway(state: &State) -> Answered {
    Ok(ok(&json!({
        "url": state.origin.replacen("http", "ws", 1),
        "shards": 1,
        "session_start_limit": session_start_limit(state),
    })))
}
