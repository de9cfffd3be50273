//! `POST /<version>/<number>/messages`: a message leaves.

use serde_json::{Value, json};

use super::double::WhatsAppDouble;
use super::error::GraphError;
use super::ids::{Direction, message_id};
use super::sent::{Sent, SentMessage};
use super::state::{MESSAGES_MAX, Person, State, WindowCheck};
use super::{notification, template};

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 4_096;
/// Longest text with a file.
const CAPTION_CHARS_MAX: usize = 1_024;
/// Longest data to be read in the states.
const CALLBACK_CHARS_MAX: usize = 512;

/// Accepts a message, and settles what its states will be.
pub(super) fn send(double: &WhatsAppDouble, body: &Value) -> Result<Value, GraphError> {
    let now_ms = double.clock.now_ms();
    let mut state = double.state();
    if body["messaging_product"] != "whatsapp" {
        return Err(GraphError::invalid("The parameter messaging_product is required."));
    }
    let input = text(body, "to").ok_or_else(|| GraphError::missing("to"))?;
    let to: String = input.chars().filter(char::is_ascii_digit).collect();
    let callback_data = text(body, "biz_opaque_callback_data");
    if callback_data.is_some_and(|data| data.chars().count() > CALLBACK_CHARS_MAX) {
        return Err(GraphError::invalid(format!(
            "Param biz_opaque_callback_data must be at most {CALLBACK_CHARS_MAX} characters long."
        )));
    }
    let content = content(&state, body)?;
    check_rates(&mut state, &to, now_ms)?;
    let failure = failure(&state, &to, &content, now_ms);
    if let Some(error) = &failure
        && error.code == 131_047
        && state.window_check == WindowCheck::AtOnce
    {
        return Err(error.clone());
    }
    let message = SentMessage {
        id: message_id(&to, Direction::Out, state.next()),
        to: to.clone(),
        content,
        context: text(&body["context"], "message_id").map(str::to_owned),
        callback_data: callback_data.map(str::to_owned),
        arrived: failure.is_none(),
    };
    let seconds = now_ms / 1_000;
    match &failure {
        Some(error) => double.hook.queue(notification::failed(&message, seconds, error)),
        None => {
            double.hook.queue(notification::status(&message, "sent", seconds));
            double.hook.queue(notification::status(&message, "delivered", seconds));
        }
    }
    let id = message.id.clone();
    state.sent.push(message);
    Ok(json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": input, "wa_id": to }],
        "messages": [{ "id": id }],
    }))
}

fn check_rates(state: &mut State, to: &str, now_ms: u64) -> Result<(), GraphError> {
    if state.sent.len() >= MESSAGES_MAX {
        return Err(GraphError::account_rate_limit());
    }
    if !state.limited {
        return Ok(());
    }
    if !state.number.take(now_ms) {
        return Err(GraphError::rate_limit());
    }
    let pair = state.people.get_mut(to).map(|person| &mut person.pair);
    match pair.is_none_or(|pair| pair.take(now_ms)) {
        true => Ok(()),
        false => Err(GraphError::pair_rate_limit()),
    }
}

/// Why an accepted message will not arrive.
fn failure(state: &State, to: &str, content: &Sent, now_ms: u64) -> Option<GraphError> {
    let Some(person) = state.people.get(to) else {
        return Some(GraphError::undeliverable());
    };
    let is_free = !matches!(content, Sent::Template { .. });
    (is_free && !Person::window_is_open(person, now_ms)).then(GraphError::re_engagement)
}

fn content(state: &State, body: &Value) -> Result<Sent, GraphError> {
    let kind = text(body, "type").unwrap_or("text");
    let part = &body[kind];
    if !part.is_object() {
        return Err(GraphError::missing(kind));
    }
    match kind {
        "text" => {
            let said = text(part, "body").filter(|said| !said.is_empty());
            let said = said.ok_or_else(|| GraphError::missing("text['body']"))?;
            at_most("text['body']", said, TEXT_CHARS_MAX)?;
            Ok(Sent::Text(said.to_owned()))
        }
        "image" | "document" | "audio" | "video" | "sticker" => file(state, kind, part),
        "reaction" => Ok(Sent::Reaction {
            message_id: text(part, "message_id")
                .ok_or_else(|| GraphError::missing("reaction['message_id']"))?
                .to_owned(),
            emoji: text(part, "emoji").unwrap_or_default().to_owned(),
        }),
        "template" => template::fill(state, part),
        other => Err(GraphError::invalid(format!(
            "Unexpected value \"{other}\" on param \"type\"."
        ))),
    }
}

fn file(state: &State, kind: &str, part: &Value) -> Result<Sent, GraphError> {
    let id = text(part, "id").ok_or_else(|| GraphError::missing("id or link"))?;
    let media = state
        .media
        .get(id)
        .ok_or_else(|| GraphError::invalid(format!("Media with id {id} was not found or has expired.")))?;
    let caption = text(part, "caption");
    if caption.is_some() && matches!(kind, "audio" | "sticker") {
        return Err(GraphError::invalid(format!(
            "Unexpected key \"caption\" on param \"{kind}\"."
        )));
    }
    at_most("caption", caption.unwrap_or_default(), CAPTION_CHARS_MAX)?;
    if kind != "document" && !media.media_type.starts_with(kind) && kind != "sticker" {
        return Err(GraphError::invalid(format!(
            "A file of type {} is no {kind}.",
            media.media_type
        )));
    }
    Ok(Sent::Media {
        kind: kind.to_owned(),
        caption: caption.map(str::to_owned),
        file_name: text(part, "filename").map(str::to_owned),
        content: media.content.clone(),
    })
}

fn at_most(name: &str, said: &str, chars_max: usize) -> Result<(), GraphError> {
    match said.chars().count() <= chars_max {
        true => Ok(()),
        false => Err(GraphError::invalid(format!(
            "Param {name} must be at most {chars_max} characters long."
        ))),
    }
}

pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}
