//! The script of `clawhold up --demo`: greets a newcomer who has no API key, and lets them see real tools work.
//!
//! It says plainly that it is not a model. What it can do is taken from the start of the newest message; everything it does
//! runs through the real agent, in the real sandbox.

use serde_json::json;

use super::super::protocol::reply::{Reply, Usage};
use super::super::protocol::request::{ModelRequest, Step};
use super::tool::{self, BASH, SEND_MESSAGE};
use super::{Script, prompt};

/// The group's memory, which the agent reads at the start of each session.
const MEMORY: &str = "CLAUDE.md";

const INTRODUCTION: &str =
    "I am the stand-in model: no API key is set, so nothing here can think. The rest is real: your message \
went through the queue into an agent in its own sandbox, and this answer came back the same way.

Things to try:
- `run: uname -a` runs a command in the sandbox
- `send: hello` sends a message before the answer, with the agent's own tool
- `please remember my cat is called Miso`, then `what do you remember?`

For the real thing set ANTHROPIC_API_KEY (or CLAUDE_CODE_OAUTH_TOKEN) and start again.";

/// What a message asks for.
enum Wish {
    Run(String),
    Send(String),
    Remember(String),
    Recall,
    Talk,
}

/// A script for newcomers: introduces itself, quotes what was said, and turns `run:`, `send:`, `remember` and
/// `what do you remember` into calls of real tools.
#[must_use]
pub fn demo_script() -> Script {
    // No model worked, so no tokens are counted and no cost is shown to a newcomer.
    Script::new(|request| answer(request).with_usage(Usage::default()))
}

fn answer(request: &ModelRequest) -> Reply {
    let said = prompt::newest_text(request.last_user_text());
    let wish = wish(without_trigger(&said));
    match newest_result(request) {
        Some((text, is_error)) => Reply::text(report(&wish, text, is_error)),
        None => start(request, &said, wish),
    }
}

/// What the tool answered, if nothing was said since. The search that loads a tool is no answer yet.
fn newest_result(request: &ModelRequest) -> Option<(&str, bool)> {
    let turn = request.current_turn();
    let Some(Step::ToolResult { id: of, text, is_error }) = turn.last() else {
        return None;
    };
    let asked = turn
        .iter()
        .any(|step| matches!(step, Step::Call { id, name, .. } if id == of && (name == BASH || name == SEND_MESSAGE)));
    asked.then_some((text.as_str(), *is_error))
}

fn start(request: &ModelRequest, said: &str, wish: Wish) -> Reply {
    let bash = |command: String, why: &str| (BASH, json!({ "command": command, "description": why }));
    let (name, input) = match wish {
        Wish::Run(command) => bash(command, "Run the command from the chat"),
        Wish::Send(text) => (SEND_MESSAGE, json!({ "text": text })),
        Wish::Remember(what) => bash(
            format!("printf '%s\\n' {} >> {MEMORY}", quoted(&format!("- {what}"))),
            "Write a note",
        ),
        Wish::Recall => bash(format!("cat {MEMORY} 2>/dev/null || true"), "Read the notes"),
        Wish::Talk => return Reply::text(talk(request, said)),
    };
    let missing = || Reply::text(format!("I would call {name} now, but this agent does not have it."));
    tool::call(request, name, input).unwrap_or_else(missing)
}

fn talk(request: &ModelRequest, said: &str) -> String {
    let met_before = request.steps.iter().any(|step| matches!(step, Step::Answer(_)));
    match (said.is_empty(), met_before) {
        (true, _) => INTRODUCTION.to_owned(),
        (false, true) => format!("You wrote: {said}\n\n(Stand-in model, no API key set. Try `run: uname -a`.)"),
        (false, false) => format!("You wrote: {said}\n\n{INTRODUCTION}"),
    }
}

fn report(wish: &Wish, result: &str, failed: bool) -> String {
    let result = result.trim_end();
    match wish {
        Wish::Run(_) if failed => format!("The command failed in the sandbox:\n```\n{result}\n```"),
        Wish::Run(_) if result.is_empty() => "The command ran in the sandbox and printed nothing.".to_owned(),
        Wish::Run(_) => format!("The sandbox answered:\n```\n{result}\n```"),
        Wish::Send(_) if failed => format!("The message could not be sent: {result}"),
        Wish::Send(_) => "Done: the message above went out through the agent's send_message tool.".to_owned(),
        Wish::Remember(_) if failed => format!("I could not write it down: {result}"),
        Wish::Remember(what) => format!("Noted in {MEMORY}: {what}"),
        Wish::Recall if result.is_empty() => "Nothing yet. Try `please remember …`.".to_owned(),
        Wish::Recall => format!("{MEMORY} says:\n{result}"),
        Wish::Talk => result.to_owned(),
    }
}

fn wish(text: &str) -> Wish {
    if let Some(command) = after(text, &["run:", "please run:"]) {
        return Wish::Run(command);
    }
    if let Some(message) = after(text, &["send:", "please send:"]) {
        return Wish::Send(message);
    }
    if text.to_lowercase().starts_with("what do you remember") {
        return Wish::Recall;
    }
    let what = after(
        text,
        &[
            "please remember that ",
            "please remember:",
            "please remember ",
            "remember that ",
            "remember:",
            "remember ",
        ],
    );
    what.map_or(Wish::Talk, Wish::Remember)
}

/// What follows the first matching opening, whatever its case; `None` when nothing follows.
fn after(text: &str, openings: &[&str]) -> Option<String> {
    let found = openings.iter().find(|opening| {
        text.get(..opening.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(opening))
    })?;
    let rest = text[found.len()..].trim();
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// A group's messages begin with the trigger, `@Andy …`, which is no part of the wish.
fn without_trigger(text: &str) -> &str {
    let text = text.trim();
    match text
        .strip_prefix('@')
        .and_then(|rest| rest.split_once(char::is_whitespace))
    {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    }
}

/// One word for the shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
