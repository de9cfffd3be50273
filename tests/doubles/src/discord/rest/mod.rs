//! The API over HTTP: who asks, how often, and for what.

mod channels;
mod commands;
mod create;
mod files;
mod history;
mod me;
mod reactions;

pub(super) use history::remove;
pub(super) use reactions::react;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Discord;
use super::error::ApiError;
use super::state::State;
use crate::platform::{Answer, Call, FormPart, parse_multipart};

/// Where version 10 of the API lives.
const BASE: &str = "/api/v10/";

/// A request, taken apart.
pub(super) struct Request {
    pub(super) method: Method,
    /// The path below the base, decoded.
    pub(super) path: Vec<String>,
    pub(super) call: Call,
    /// The body, or the part of it that is JSON.
    pub(super) json: Value,
    pub(super) files: Vec<FormPart>,
}

pub(super) type Answered = Result<Answer, ApiError>;

/// Whether the call makes something that people see.
pub(super) fn is_effect(call: &Call) -> bool {
    call.method == Method::POST && call.path.starts_with(BASE) && call.path.ends_with("/messages")
}

pub(super) async fn answer(discord: &Discord, call: Call) -> Answer {
    discord.note_origin(&call);
    if let Some(path) = call.path.strip_prefix("/attachments/") {
        return files::answer(&discord.state(), path, &call).unwrap_or_else(|error| error.answer());
    }
    match take_apart(call).await {
        Ok(request) => within_limits(&mut discord.state(), &request),
        Err(error) => error.answer(),
    }
}

async fn take_apart(call: Call) -> Result<Request, ApiError> {
    let path = call.path.strip_prefix(BASE).ok_or(ApiError::NOT_FOUND)?;
    if !call
        .header("user-agent")
        .is_some_and(|agent| agent.starts_with("DiscordBot ("))
    {
        return Err(ApiError::BAD_USER_AGENT);
    }
    let decoded = path.split('/').map(|part| crate::percent::decode(part, false));
    let path = decoded.collect::<Option<Vec<String>>>().ok_or(ApiError::NOT_FOUND)?;
    let (mut json, mut files) = (Value::Null, Vec::new());
    if call.media_type() == "multipart/form-data" {
        let parts = parse_multipart(&call).await.ok_or(ApiError::NO_JSON)?;
        for part in parts {
            match part.name.as_str() {
                "payload_json" => json = serde_json::from_slice(&part.content).map_err(|_| ApiError::NO_JSON)?,
                _ => files.push(part),
            }
        }
    } else if !call.body.is_empty() {
        json = call.json().ok_or(ApiError::NO_JSON)?;
    }
    Ok(Request {
        method: call.method.clone(),
        path,
        call,
        json,
        files,
    })
}

fn within_limits(state: &mut State, request: &Request) -> Answer {
    let needs_token = !matches!(request.path.first().map(String::as_str), Some("interactions"));
    let is_authorized = state.token.is_some() && request.call.authorization("bot") == state.token.as_deref();
    if needs_token && !is_authorized {
        return ApiError::UNAUTHORIZED.answer();
    }
    let now_ms = state.now_ms;
    let major = request.path.get(1).map_or("", String::as_str);
    match state.rate.charge(&request.route(), major, now_ms) {
        Ok(standing) => {
            let answer = route(state, request).unwrap_or_else(|error| error.answer());
            standing.describe(answer)
        }
        Err(refused) => *refused,
    }
}

fn route(state: &mut State, request: &Request) -> Answered {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["gateway", "bot"]) => me::gateway(state),
        ("GET", ["users", "@me"]) => me::user(state),
        ("GET", ["applications", "@me"]) => me::application(state),
        ("POST", ["users", "@me", "channels"]) => channels::open_dm(state, request),
        ("GET", ["applications", application, "commands"]) => commands::list(state, application),
        ("PUT", ["applications", application, "commands"]) => commands::replace(state, application, request),
        ("POST", ["interactions", id, token, "callback"]) => commands::acknowledge(state, id, token, request),
        ("GET", ["guilds", guild]) => channels::guild(state, guild),
        ("GET", ["guilds", guild, "members", user]) => channels::member(state, guild, user),
        ("GET", ["channels", channel]) => channels::read(state, channel),
        ("POST", ["channels", channel, "typing"]) => channels::typing(state, channel),
        ("POST", ["channels", channel, "threads"]) => channels::thread(state, channel, None, request),
        ("GET", ["channels", channel, "messages"]) => history::list(state, channel, request),
        ("POST", ["channels", channel, "messages"]) => create::create(state, channel, request),
        ("GET", ["channels", channel, "messages", message]) => history::read(state, channel, message),
        ("PATCH", ["channels", channel, "messages", message]) => create::edit(state, channel, message, request),
        ("DELETE", ["channels", channel, "messages", message]) => history::delete(state, channel, message),
        ("POST", ["channels", channel, "messages", message, "threads"]) => {
            channels::thread(state, channel, Some(message), request)
        }
        ("PUT", ["channels", channel, "messages", message, "reactions", emoji, "@me"]) => {
            reactions::put(state, channel, message, emoji)
        }
        ("DELETE", ["channels", channel, "messages", message, "reactions", emoji, "@me"]) => {
            reactions::remove(state, channel, message, emoji)
        }
        (_, ["gateway", "bot"] | ["users", "@me"] | ["channels", _] | ["channels", _, "messages"]) => {
            Err(ApiError::WRONG_METHOD)
        }
        _ => Err(ApiError::NOT_FOUND),
    }
}

impl Request {
    /// The route with its parameters blanked: what a rate limit is about.
    fn route(&self) -> String {
        let blank = |part: &String| {
            let is_name = part.starts_with('@') || part.chars().all(|letter| letter.is_ascii_lowercase());
            if is_name { part.clone() } else { ":id".to_owned() }
        };
        let parts: Vec<String> = self.path.iter().map(blank).collect();
        format!("{} /{}", self.method, parts.join("/"))
    }
}

/// An id in a path or a body.
fn snowflake(text: &str) -> Result<u64, ApiError> {
    let invalid = || {
        ApiError::invalid(
            "id",
            "NUMBER_TYPE_COERCE",
            &format!("Value \"{text}\" is not snowflake."),
        )
    };
    text.parse().map_err(|_| invalid())
}

/// The id of a channel that the bot may see.
fn visible(state: &State, channel: &str) -> Result<u64, ApiError> {
    let id = snowflake(channel)?;
    let channel = state.channels.get(&id).ok_or(ApiError::UNKNOWN_CHANNEL)?;
    if channel.is_hidden {
        return Err(ApiError::MISSING_ACCESS);
    }
    Ok(id)
}

fn ok(value: &Value) -> Answer {
    Answer::json(StatusCode::OK, value)
}

fn no_content() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}

/// How many sessions may still be begun today.
fn session_start_limit(state: &State) -> Value {
    let total = super::gateway::STARTS_PER_DAY;
    json!({
        "total": total,
        "remaining": total.saturating_sub(state.gateway.identifies),
        "reset_after": 86_400_000,
        "max_concurrency": 1,
    })
}
