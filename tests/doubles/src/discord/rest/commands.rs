//! Slash commands: which there are, and the acknowledgement of one that was used.

use serde_json::{Value, json};

use super::{Answered, Request, no_content, ok, snowflake};
use crate::discord::error::ApiError;
use crate::discord::state::State;

/// How long a bot may take before the user is told that it did not respond.
const ACKNOWLEDGE_MS: u64 = 3_000;
/// Global commands of an application.
const COMMANDS_MAX: usize = 100;

pub(super) fn list(state: &State, application: &str) -> Answered {
    is_own(state, application)?;
    Ok(ok(&state.commands.clone().into()))
}

pub(super) fn replace(state: &mut State, application: &str, request: &Request) -> Answered {
    is_own(state, application)?;
    let wanted = request.json.as_array().ok_or(ApiError::NO_JSON)?;
    if wanted.len() > COMMANDS_MAX || !wanted.iter().all(is_well_formed) {
        return Err(ApiError::invalid(
            "name",
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        ));
    }
    let mut kept = Vec::new();
    for command in wanted {
        let mut command = command.clone();
        command["id"] = state.next_id().to_string().into();
        command["application_id"] = application.into();
        command["version"] = state.next_id().to_string().into();
        kept.push(command);
    }
    state.commands = kept;
    list(state, application)
}

fn is_own(state: &State, application: &str) -> Result<(), ApiError> {
    if snowflake(application)? == state.application {
        Ok(())
    } else {
        Err(ApiError::MISSING_ACCESS)
    }
}

fn is_well_formed(command: &Value) -> bool {
    let name = command["name"].as_str().unwrap_or_default();
    let named = name
        .chars()
        .all(|letter| letter.is_lowercase() || letter.is_ascii_digit() || "-_".contains(letter));
    let described = command["description"].as_str().unwrap_or_default().chars().count();
    named && (1..=32).contains(&name.chars().count()) && (1..=100).contains(&described)
}

pub(super) fn acknowledge(state: &mut State, id: &str, token: &str, request: &Request) -> Answered {
    let now_ms = state.now_ms;
    let interaction = state
        .interactions
        .get_mut(&snowflake(id)?)
        .ok_or(ApiError::UNKNOWN_INTERACTION)?;
    if interaction.token != token || now_ms > interaction.made_ms + ACKNOWLEDGE_MS {
        return Err(ApiError::UNKNOWN_INTERACTION);
    }
    if interaction.answer.is_some() {
        return Err(ApiError::ALREADY_ACKNOWLEDGED);
    }
    let kind = request.json["type"].as_u64().unwrap_or_default();
    if !matches!(kind, 4 | 5) {
        return Err(ApiError::invalid(
            "type",
            "BASE_TYPE_CHOICES",
            "Value must be one of (4, 5).",
        ));
    }
    if kind == 4 && request.json["data"]["content"].as_str().unwrap_or_default().is_empty() {
        return Err(ApiError::EMPTY_MESSAGE);
    }
    interaction.answer = Some((kind, request.json.get("data").cloned().unwrap_or_else(|| json!({}))));
    Ok(no_content())
}
