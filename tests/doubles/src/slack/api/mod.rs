//! The Web API: who calls, with which arguments, and what is answered.

mod account;
mod chat;
mod conversations;
mod files;
mod history;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::state::{State, Token};
use super::{APP_TOKEN, BOT_TOKEN};
use crate::platform::{Answer, Call, parse_form};

/// Methods that read their arguments from forms and queries only; JSON is not looked at.
const FORM_ONLY: [&str; 8] = [
    "conversations.list",
    "conversations.info",
    "conversations.history",
    "conversations.replies",
    "users.info",
    "users.conversations",
    "files.getUploadURLExternal",
    "apps.connections.open",
];

/// A call's answer, or Slack's word for what is wrong with it.
type Answered = Result<Value, &'static str>;

/// The arguments of a call.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    fn read(method: &str, call: &Call) -> Self {
        let mut all: Map<String, Value> = call
            .query
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        match call.media_type() {
            "application/json" if FORM_ONLY.contains(&method) => {}
            "application/json" => {
                if let Some(Value::Object(given)) = call.json() {
                    all.extend(given);
                }
            }
            "application/x-www-form-urlencoded" => {
                let form = parse_form(&String::from_utf8_lossy(&call.body));
                all.extend(form.into_iter().map(|(name, value)| (name, value.into())));
            }
            _ => {}
        }
        Self(all)
    }

    /// A text; an empty one is none.
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(is_set)) => *is_set,
            Some(Value::String(text)) => text == "true" || text == "1",
            _ => false,
        }
    }

    fn number(&self, name: &str) -> Option<usize> {
        match self.0.get(name)? {
            Value::String(text) => text.parse().ok(),
            value => usize::try_from(value.as_u64()?).ok(),
        }
    }

    /// Structured arguments: as they are in JSON, written as JSON in forms.
    fn value(&self, name: &str) -> Option<Value> {
        match self.0.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }
}

pub(super) fn is_effect(call: &Call) -> bool {
    let method = call.path.strip_prefix("/api/").unwrap_or_default();
    matches!(
        method,
        "chat.postMessage" | "chat.update" | "reactions.add" | "files.completeUploadExternal"
    )
}

pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    if let Some(path) = call.path.strip_prefix("/upload/v1/") {
        return files::upload(state, path, call);
    }
    if call.path.starts_with("/files-pri/") {
        return files::download(state, call);
    }
    let Some(method) = call.path.strip_prefix("/api/") else {
        return Answer::empty(StatusCode::NOT_FOUND);
    };
    let arguments = Arguments::read(method, call);
    if let Err(error) = authorize(state, method, call, &arguments) {
        return said(Err(error));
    }
    let channel = arguments.text("channel").unwrap_or_default();
    if let Err(seconds) = state.rate.take(method, channel, state.now_ms) {
        let body = json!({ "ok": false, "error": "ratelimited" });
        return Answer::json(StatusCode::TOO_MANY_REQUESTS, &body).header("retry-after", seconds);
    }
    let failing = state.failing.iter().position(|(failing, ..)| failing == method);
    match failing.and_then(|index| state.failing.remove(index)) {
        Some((_, error, is_executed)) => {
            if is_executed {
                let _ = execute(state, method, &arguments);
            }
            Answer::json(StatusCode::OK, &json!({ "ok": false, "error": error }))
        }
        None => said(execute(state, method, &arguments)),
    }
}

fn said(answered: Answered) -> Answer {
    let body = match answered {
        Ok(mut value) => {
            value["ok"] = true.into();
            value
        }
        Err(error) => json!({ "ok": false, "error": error }),
    };
    Answer::json(StatusCode::OK, &body)
}

/// Checks the token; each method wants the bot's or the app's.
fn authorize(state: &State, method: &str, call: &Call, arguments: &Arguments) -> Result<(), &'static str> {
    let given = call.authorization("bearer").or_else(|| arguments.text("token"));
    let wants_app = method == "apps.connections.open";
    match given {
        None => Err("not_authed"),
        Some(BOT_TOKEN | APP_TOKEN) if state.token == Token::Revoked => Err("token_revoked"),
        Some(BOT_TOKEN | APP_TOKEN) if state.token == Token::Inactive => Err("account_inactive"),
        Some(APP_TOKEN) if wants_app => Ok(()),
        Some(BOT_TOKEN) if !wants_app => Ok(()),
        Some(BOT_TOKEN | APP_TOKEN) => Err("not_allowed_token_type"),
        Some(_) => Err("invalid_auth"),
    }
}

fn execute(state: &mut State, method: &str, arguments: &Arguments) -> Answered {
    match method {
        "auth.test" => account::auth_test(state),
        "apps.connections.open" => account::open_connection(state),
        "users.info" => account::user(state, arguments),
        "assistant.threads.setStatus" => account::set_status(state, arguments),
        "chat.postMessage" => chat::post(state, arguments),
        "chat.update" => chat::update(state, arguments),
        "reactions.add" => chat::react(state, arguments),
        "conversations.list" => conversations::list(state, arguments, false),
        "users.conversations" => conversations::list(state, arguments, true),
        "conversations.info" => conversations::info(state, arguments),
        "conversations.open" => conversations::open(state, arguments),
        "conversations.history" => history::history(state, arguments),
        "conversations.replies" => history::replies(state, arguments),
        "files.getUploadURLExternal" => files::begin(state, arguments),
        "files.completeUploadExternal" => files::complete(state, arguments),
        _ => Err("unknown_method"),
    }
}
