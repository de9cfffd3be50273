//! The call to the model, through the credential proxy: what an agent that was cut off cannot do.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proto::ipc::Prompt;
use serde_json::json;

use crate::mail::{Gone, Mail};

/// Tries before the turn fails, as the real SDK would make some.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// Longest time one read takes, so that the watchdog gets its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// Times that patience may end before a call counts as failed.
const WAITS: u32 = 30;

/// Calls until there is an answer; the inner error is for the turn.
pub(crate) fn call(mail: &mut Mail, prompt: &Prompt) -> Result<Result<(), String>, Gone> {
    let who = std::env::var("CLAWHOLD_SANDBOX").unwrap_or_default();
    let body = json!({
        "model": "instant",
        "max_tokens": 16,
        "messages": [{ "role": "user", "content": prompt.text }],
        "metadata": { "user_id": format!("{who} {} {}", std::process::id(), prompt.turn_id) },
    })
    .to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: model\r\nx-api-key: {}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        mail.token,
        body.len()
    );
    let mut reason = String::new();
    for _ in 0..TRIES {
        mail.beat()?;
        match once(mail, &head, &body)? {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => return Ok(Ok(())),
            Ok(answer) => reason = answer.lines().next().unwrap_or("an empty answer").to_owned(),
            Err(error) => reason = error.to_string(),
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Ok(Err(format!("the model does not answer: {reason}")))
}

fn once(mail: &mut Mail, head: &str, body: &str) -> Result<std::io::Result<String>, Gone> {
    let connected = UnixStream::connect(&mail.socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Ok(stream)
    });
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error)),
    };
    let mut answer = Vec::new();
    for _ in 0..WAITS {
        match stream.read_to_end(&mut answer) {
            Ok(_) => return Ok(Ok(String::from_utf8_lossy(&answer).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => mail.beat()?,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Err(std::io::ErrorKind::TimedOut.into()))
}
