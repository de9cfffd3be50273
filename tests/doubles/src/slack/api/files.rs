//! Files: announced, uploaded, shared, fetched.

use http::{StatusCode, header};
use serde_json::{Value, json};

use super::chat::{target, thread};
use super::{Answered, Arguments};
use crate::platform::{Answer, Call};
use crate::slack::BOT_TOKEN;
use crate::slack::json as written;
use crate::slack::state::{File, Message, State, Token};

/// Largest file: Slack's own limit is a gigabyte, which no test needs.
const FILE_BYTES_MAX: usize = 100 * 1024 * 1024;

pub(super) fn begin(state: &mut State, arguments: &Arguments) -> Answered {
    let name = arguments.text("filename").ok_or("invalid_arguments")?.to_owned();
    let length = arguments
        .number("length")
        .filter(|length| *length > 0)
        .ok_or("invalid_arguments")?;
    if length > FILE_BYTES_MAX {
        return Err("file_upload_size_restricted");
    }
    let id = state.next_id('F');
    let file = File {
        id: id.clone(),
        title: name.clone(),
        name,
        media_type: String::new(),
        user: state.bot.clone(),
        length,
        content: None,
    };
    state.files.insert(id.clone(), file);
    let url = format!("http://{}/upload/v1/{id}", state.origin);
    Ok(json!({ "upload_url": url, "file_id": id }))
}

/// The body to the address that was given out: the bytes as they are.
pub(super) fn upload(state: &mut State, id: &str, call: &Call) -> Answer {
    let file = state.files.get_mut(id).filter(|file| file.content.is_none());
    let Some(file) = file else {
        return Answer::new(StatusCode::NOT_FOUND, "text/plain", "not found");
    };
    if file.length != call.body.len() {
        return Answer::new(StatusCode::BAD_REQUEST, "text/plain", "length mismatch");
    }
    file.media_type = match call.media_type() {
        "" => "application/octet-stream".to_owned(),
        given => given.to_owned(),
    };
    file.content = Some(call.body.clone());
    Answer::new(StatusCode::OK, "text/plain", format!("OK - {}", call.body.len()))
}

/// Shares uploaded files: one message with all of them.
pub(super) fn complete(state: &mut State, arguments: &Arguments) -> Answered {
    let Some(Value::Array(given)) = arguments.value("files") else {
        return Err("invalid_arguments");
    };
    let mut files = Vec::new();
    for file in &given {
        let kept = file["id"]
            .as_str()
            .and_then(|id| state.files.get_mut(id))
            .ok_or("file_not_found")?;
        if kept.content.is_none() {
            return Err("file_not_found");
        }
        if let Some(title) = file["title"].as_str() {
            title.clone_into(&mut kept.title);
        }
        files.push(kept.id.clone());
    }
    if let Some(channel) = arguments.text("channel_id") {
        let channel = target(state, Some(channel))?;
        let thread = thread(state, &channel, arguments.text("thread_ts"))?;
        let message = Message {
            user: state.bot.clone(),
            subtype: Some("file_share"),
            text: arguments.text("initial_comment").unwrap_or_default().to_owned(),
            thread,
            files: files.clone(),
            ..Message::default()
        };
        state.post(&channel, message);
    }
    let shared: Vec<Value> = files
        .iter()
        .filter_map(|id| state.files.get(id))
        .map(|file| written::file(state, file))
        .collect();
    Ok(json!({ "files": shared }))
}

/// `/files-pri/<team>-<file>/…`: who shows no good token is sent to the login page.
pub(super) fn download(state: &State, call: &Call) -> Answer {
    if call.authorization("bearer") != Some(BOT_TOKEN) || state.token != Token::Good {
        return Answer::empty(StatusCode::FOUND).header("location", "https://stand-in.slack.com/?redir=%2Ffiles-pri");
    }
    let id = call
        .path
        .split('/')
        .nth(2)
        .and_then(|part| part.rsplit_once('-'))
        .map(|(_, id)| id);
    match id
        .and_then(|id| state.files.get(id))
        .and_then(|file| Some((file, file.content.clone()?)))
    {
        Some((file, content)) => {
            let mut answer = Answer::new(StatusCode::OK, "application/octet-stream", content);
            if let Ok(media_type) = file.media_type.parse() {
                answer.headers.insert(header::CONTENT_TYPE, media_type);
            }
            answer
        }
        None => Answer::empty(StatusCode::NOT_FOUND),
    }
}
