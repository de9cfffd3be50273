//! The script of test stories: answers `echo: <newest message>` and obeys the [directives](super::directive) in messages.
//!
//! Like a real model it has no memory but the conversation: what is left to do is worked out afresh from each request, so it
//! survives a killed agent, a resumed session and a repeated prompt. The one thing it counts itself is how often
//! `[[fail]]` and `[[break]]` have struck, because a refused request leaves no trace in the conversation.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::super::protocol::error::ApiError;
use super::super::protocol::reply::{Fault, Reply};
use super::super::protocol::request::ModelRequest;
use super::Script;
use super::directive::{self, Break, Directive};
use super::scope::Scope;
use super::tool::{self, BASH, HOST, SEND_MESSAGE};

/// Faults struck are remembered for this many directives; a test world holds a few dozen.
const STRIKES_MAX: usize = 10_000;
/// Frames before a fault in the middle of a stream: the message has begun, its first block not ended.
const MID_STREAM: usize = 3;

/// A script that echoes, and does what the directives in the messages say:
/// `[[say X]]`, `[[internal X]]`, `[[send X]]`, `[[bash CMD]]`, `[[tool NAME JSON]]`, `[[fail STATUS N]]`, `[[stall NAME]]`, `[[slow MS]]`,
/// `[[break reset|reset-mid|hangup|truncate|error N]]`.
///
/// Calls of tools come first, in order, one per request; `fail`, `break` and `stall` act at their place between them; the
/// final text is what `say` and `internal` ask for, or the echo. A message of `[[internal X]]` alone is a deliberate
/// silence. Only what was asked since the last final answer counts. When the newest prompt says that the run was
/// interrupted, nothing is repeated that has a result in the conversation or stands on an `already sent` line.
#[must_use]
pub fn echo_script() -> Script {
    let strikes = Strikes::default();
    Script::new(move |request| answer(request, &strikes))
}

/// How often each `[[fail]]` or `[[break]]` has struck.
#[derive(Default)]
struct Strikes(Mutex<HashMap<Key, u32>>);

/// One directive of one conversation: whose session, which step, the message, and its place there. The text is part of it
/// because bare HTTP clients name no session.
type Key = (String, usize, String, (usize, usize));

impl Strikes {
    fn strike(&self, key: Key, times: u32) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= STRIKES_MAX {
            counts.clear();
        }
        let count = counts.entry(key).or_insert(0);
        *count += 1;
        *count <= times
    }
}

/// A directive and where it stands.
struct Placed<'a> {
    directive: Directive,
    step: usize,
    text: &'a str,
    ordinal: (usize, usize),
}

fn answer(request: &ModelRequest, strikes: &Strikes) -> Reply {
    let scope = Scope::of(request);
    let (directives, plain) = placed(&scope);
    let (next, tool) = next_tool(&directives, &scope);
    let mut reply = match tool {
        Some((name, input)) => tool::call(request, &name, input)
            .unwrap_or_else(|| Reply::text(format!("echo: the tool {name} was not offered"))),
        None => Reply::text(final_text(&directives, &plain)),
    };
    if let Some(pause) = directives.iter().find_map(|placed| match placed.directive {
        Directive::Slow(pause) => Some(pause),
        _ => None,
    }) {
        reply = reply.dripping(pause);
    }
    let session = request.body()["metadata"]["user_id"].as_str().unwrap_or_default();
    disturbed(reply, &directives[..next], |placed, times| {
        let key = (session.to_owned(), placed.step, placed.text.to_owned(), placed.ordinal);
        strikes.strike(key, times)
    })
}

/// Every directive in scope, in order, and what else the newest message says.
fn placed<'a>(scope: &'a Scope<'_>) -> (Vec<Placed<'a>>, String) {
    let mut directives = Vec::new();
    let mut plain = String::new();
    for (position, asked) in scope.asked.iter().enumerate() {
        let (found, rest) = directive::parse(&asked.text);
        plain = rest;
        let place = |(ordinal, directive)| Placed {
            directive,
            step: asked.step,
            text: &asked.text,
            ordinal: (position, ordinal),
        };
        directives.extend(found.into_iter().enumerate().map(place));
    }
    (directives, plain)
}

/// The first call of a tool that is still due, and its place among the directives.
fn next_tool(directives: &[Placed<'_>], scope: &Scope<'_>) -> (usize, Option<(Cow<'static, str>, Value)>) {
    let mut met: Vec<&Directive> = Vec::new();
    for (index, placed) in directives.iter().enumerate() {
        let Some((name, input)) = call(&placed.directive) else {
            continue;
        };
        let before = met.iter().filter(|directive| ***directive == placed.directive).count();
        if before >= scope.times_done(&name, &input) {
            return (index, Some((name, input)));
        }
        met.push(&placed.directive);
    }
    (directives.len(), None)
}

fn call(directive: &Directive) -> Option<(Cow<'static, str>, Value)> {
    match directive {
        Directive::Send(text) => Some((SEND_MESSAGE.into(), json!({ "text": text }))),
        Directive::Bash(command) => Some((
            BASH.into(),
            json!({ "command": command, "description": "Run the command of the story" }),
        )),
        Directive::Tool { name, input } => Some((format!("{HOST}{name}").into(), input.clone())),
        _ => None,
    }
}

fn final_text(directives: &[Placed<'_>], plain: &str) -> String {
    let lines = directives.iter().filter_map(|placed| match &placed.directive {
        Directive::Say(text) => Some(text.clone()),
        Directive::Internal(text) => Some(format!("<internal>{text}</internal>")),
        _ => None,
    });
    let lines: Vec<String> = lines.collect();
    match (lines.is_empty(), plain) {
        (false, _) => lines.join("\n"),
        (true, "") => "echo: done".to_owned(),
        (true, plain) => format!("echo: {plain}"),
    }
}

/// Applies what stands between the last call of a tool and the step that comes next.
fn disturbed(mut reply: Reply, before: &[Placed<'_>], strike: impl Fn(&Placed<'_>, u32) -> bool) -> Reply {
    let first = before
        .iter()
        .rposition(|placed| call(&placed.directive).is_some())
        .map_or(0, |index| index + 1);
    for placed in &before[first..] {
        match &placed.directive {
            Directive::Stall(name) => reply = reply.stalled(name.clone()),
            Directive::Fail { status, times } if strike(placed, *times) => {
                let error = ApiError::from_status(*status);
                return reply.with_fault(Fault::Error(error.unwrap_or_else(ApiError::internal)));
            }
            Directive::Break { how, times } if strike(placed, *times) => {
                return reply.with_fault(match how {
                    Break::Reset => Fault::ResetBeforeHeaders,
                    Break::ResetMid => Fault::ResetAfter(MID_STREAM),
                    Break::HangUp => Fault::HangUpAfter(MID_STREAM),
                    Break::Truncate => Fault::TruncateAfter(MID_STREAM),
                    Break::Error => Fault::ErrorAfter(MID_STREAM, ApiError::overloaded()),
                });
            }
            _ => {}
        }
    }
    reply
}
