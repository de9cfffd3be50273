//! Messages the bot writes and rewrites.

use serde_json::Value;

use super::{Answered, Request, ok, snowflake, visible};
use crate::discord::error::ApiError;
use crate::discord::json;
use crate::discord::state::{ChannelKind, File, Message, State};

/// Longest text of a message, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// Longest nonce.
const NONCE_CHARS_MAX: usize = 25;
/// Largest upload of a bot in a guild without boosts.
const FILES_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Files of one message.
const FILES_MAX: usize = 10;

pub(super) fn create(state: &mut State, channel: &str, request: &Request) -> Answered {
    let channel = visible(state, channel)?;
    may_write(state, channel)?;
    let body = &request.json;
    let nonce = nonce(body)?;
    if let Some(first) = first_with(state, body, nonce.as_ref()) {
        let mut first = first.clone();
        first.nonce = nonce;
        return Ok(ok(&json::message(state, &first)));
    }
    let content = content(body)?;
    if content.is_empty() && request.files.is_empty() {
        return Err(ApiError::EMPTY_MESSAGE);
    }
    let reply_to = reply_to(state, channel, body)?;
    let files = keep_files(state, channel, request)?;
    let mut message = Message {
        channel,
        author: state.bot,
        nonce,
        reply_to,
        files,
        ..Message::default()
    };
    write(state, &mut message, content, &body["allowed_mentions"]);
    let nonce = message.nonce.clone();
    let id = state.post(message);
    let mut posted = state.channels[&channel].messages[&id].clone();
    posted.nonce = nonce;
    Ok(ok(&json::message(state, &posted)))
}

pub(super) fn edit(state: &mut State, channel: &str, message: &str, request: &Request) -> Answered {
    let (channel, id) = (visible(state, channel)?, snowflake(message)?);
    let messages = &state.channels[&channel].messages;
    let mut message = messages.get(&id).ok_or(ApiError::UNKNOWN_MESSAGE)?.clone();
    if message.author != state.bot {
        return Err(ApiError::NOT_THE_AUTHOR);
    }
    let content = content(&request.json)?;
    write(state, &mut message, content, &request.json["allowed_mentions"]);
    message.edited_ms = Some(state.now_ms);
    state.announce("MESSAGE_UPDATE", &message);
    let value = json::message(state, &message);
    if let Some(channel) = state.channels.get_mut(&channel) {
        channel.messages.insert(id, message);
    }
    Ok(ok(&value))
}

fn may_write(state: &State, channel: u64) -> Result<(), ApiError> {
    match state.channels[&channel].kind {
        ChannelKind::Voice => Err(ApiError::NOT_TEXT),
        ChannelKind::Dm { with } if !state.users[&with].takes_dms => Err(ApiError::NO_DMS),
        _ => Ok(()),
    }
}

fn nonce(body: &Value) -> Result<Option<Value>, ApiError> {
    let nonce = &body["nonce"];
    match json::nonce_text(nonce) {
        Some(text) if text.chars().count() > NONCE_CHARS_MAX => Err(ApiError::invalid(
            "nonce",
            "NONCE_TYPE_TOO_LONG",
            &format!("Nonce may not be longer than {NONCE_CHARS_MAX} characters."),
        )),
        Some(_) => Ok(Some(nonce.clone())),
        None => Ok(None),
    }
}

/// What an enforced nonce made before.
fn first_with<'a>(state: &'a State, body: &Value, nonce: Option<&Value>) -> Option<&'a Message> {
    let enforced = body["enforce_nonce"] == true;
    state.made_by(&json::nonce_text(nonce.filter(|_| enforced)?)?)
}

/// The text as Discord keeps it: without white space at its ends.
fn content(body: &Value) -> Result<&str, ApiError> {
    let content = body["content"].as_str().unwrap_or_default();
    if content.chars().count() > TEXT_CHARS_MAX {
        return Err(ApiError::invalid(
            "content",
            "BASE_TYPE_MAX_LENGTH",
            &format!("Must be {TEXT_CHARS_MAX} or fewer in length."),
        ));
    }
    Ok(content.trim())
}

fn reply_to(state: &State, channel: u64, body: &Value) -> Result<Option<u64>, ApiError> {
    let reference = &body["message_reference"];
    let Some(id) = reference["message_id"].as_str() else {
        return Ok(None);
    };
    let id = snowflake(id)?;
    if state.channels[&channel].messages.contains_key(&id) {
        return Ok(Some(id));
    }
    if reference["fail_if_not_exists"] == false {
        return Ok(None);
    }
    Err(ApiError::invalid(
        "message_reference",
        "REPLIES_UNKNOWN_MESSAGE",
        "Unknown message",
    ))
}

fn keep_files(state: &mut State, channel: u64, request: &Request) -> Result<Vec<u64>, ApiError> {
    let bytes: usize = request.files.iter().map(|file| file.content.len()).sum();
    if bytes > FILES_BYTES_MAX {
        return Err(ApiError::TOO_LARGE);
    }
    if request.files.len() > FILES_MAX {
        return Err(ApiError::invalid(
            "files",
            "BASE_TYPE_MAX_LENGTH",
            &format!("Must be {FILES_MAX} or fewer in length."),
        ));
    }
    let mut ids = Vec::new();
    for part in &request.files {
        let id = state.next_id();
        let file = File {
            id,
            channel,
            name: part.file_name.clone().unwrap_or_else(|| "unknown".to_owned()),
            media_type: part
                .media_type
                .clone()
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            content: part.content.clone(),
        };
        state.files.insert(id, file);
        ids.push(id);
    }
    Ok(ids)
}

/// Puts the text in, and works out who is pinged by it.
fn write(state: &State, message: &mut Message, content: &str, allowed: &Value) {
    let names = |kind: &str| {
        let parse = allowed["parse"].as_array();
        allowed.is_null() || parse.is_some_and(|kinds| kinds.iter().any(|allowed| allowed == kind))
    };
    let is_listed = |id: &u64| {
        let users = allowed["users"].as_array();
        users.is_some_and(|users| {
            users
                .iter()
                .any(|user| user.as_str().and_then(|user| user.parse().ok()) == Some(*id))
        })
    };
    let mentioned = state.mentioned(content).into_iter();
    message.mentions = mentioned.filter(|id| names("users") || is_listed(id)).collect();
    if let Some(to) = message.reply_to
        && allowed["replied_user"] != false
        && (allowed.is_null() || allowed["replied_user"] == true)
        && let Some(replied) = state.channels[&message.channel].messages.get(&to)
        && !message.mentions.contains(&replied.author)
    {
        message.mentions.push(replied.author);
    }
    let calls_all = content.contains("@everyone") || content.contains("@here");
    message.mentions_everyone = calls_all && names("everyone");
    message.content = content.to_owned();
}
