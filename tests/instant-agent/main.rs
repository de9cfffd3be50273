//! An agent that answers at once, for chaos tests and benchmarks: it speaks the container contract like the real
//! agent-runner, keeps and loads its transcript and calls the model through the credential proxy like the real SDK, and thinks nothing.
//!
//! Its answer names every `#<number>` of its prompt, so that a checker sees which message was answered where. A prompt with
//! `!early` in it makes it send a message before it answers; `!write`, `!fill` and `!read` do something with a file of the workspace
//! ([`words::Wish`]). Like the real one it ends by itself when its runner is gone.

// A program of its own: the inside of a sandbox, where nothing is injected.
#![allow(clippy::disallowed_methods)]

mod files;
mod mail;
mod model;
mod words;

use std::process::ExitCode;

use proto::ids::SessionId;
use proto::ipc::{AgentMessage, AgentResult, HostMessage, Prompt, Request};
use proto::turn::Usage;
use serde_json::json;

use mail::{Gone, Mail};

/// Exit code of the watchdog, that of the real agent-runner.
const RUNNER_GONE: u8 = 75;

fn main() -> ExitCode {
    match serve(&mut Mail::open()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Gone) => ExitCode::from(RUNNER_GONE),
    }
}

fn serve(mail: &mut Mail) -> Result<(), Gone> {
    let mut session = None;
    loop {
        match mail.next()? {
            HostMessage::Start(start) => {
                let is_resumed = start.session_id.is_some();
                let id = start
                    .session_id
                    .unwrap_or_else(|| SessionId::new(start.prompt.uuid.to_string()));
                mail.send(&AgentMessage::Ready {
                    agent_runner: "instant".to_owned(),
                    sdk: "none".to_owned(),
                });
                mail.send(&AgentMessage::Session {
                    session_id: id.clone(),
                    stale_session_id: None,
                });
                if is_resumed {
                    let session = json!({ "session_id": id });
                    mail.ask(request("load".to_owned(), "transcript_load", session))?;
                }
                answer(mail, &start.prompt, &id)?;
                session = Some(id);
            }
            HostMessage::Prompt { prompt } => {
                let id = session.as_ref().expect("the first message is a start");
                answer(mail, &prompt, id)?;
            }
            // Nobody waits for this one any more.
            HostMessage::Answer(_) => {}
            HostMessage::Close { .. } => return Ok(()),
        }
    }
}

fn answer(mail: &mut Mail, prompt: &Prompt, session: &SessionId) -> Result<(), Gone> {
    let line = json!({ "type": "user", "uuid": prompt.uuid, "message": { "role": "user", "content": prompt.text } });
    let lines = json!({ "session_id": session, "entries": [line] });
    mail.ask(request(format!("lines-{}", prompt.uuid), "transcript_append", lines))?;
    let numbers = words::numbers(&prompt.text);
    if words::wants_early(&prompt.text) {
        let text = words::early(&numbers);
        let params = json!({ "text": text, "sender": null });
        mail.ask(request(format!("early-{}", prompt.uuid), "send_message", params))?;
    }
    files::serve(mail, prompt)?;
    let outcome = model::call(mail, prompt)?;
    let (text, error) = match outcome {
        Ok(()) => (Some(words::answer(&numbers)), None),
        Err(reason) => (None, Some(reason)),
    };
    mail.send(&AgentMessage::Result(AgentResult {
        subtype: if error.is_none() {
            "success"
        } else {
            "error_during_execution"
        }
        .to_owned(),
        is_error: error.is_some(),
        text,
        consumed_through: error.is_none().then_some(prompt.through),
        session_id: Some(session.clone()),
        num_turns: 1,
        duration_ms: 0,
        cost_usd: None,
        usage: Usage::default(),
        error,
    }));
    Ok(())
}

fn request(id: String, method: &str, params: serde_json::Value) -> Request {
    Request {
        id,
        method: method.to_owned(),
        params,
    }
}
