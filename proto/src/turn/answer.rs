//! What a turn says at its end.

use super::run::OpenTurn;
use crate::command::SessionCommand;
use crate::ids::InboxOrd;
use crate::ipc::{AgentResult, NOT_WOKEN};
use crate::outbound::{Reply, strip_internal};
use crate::prompt::command_of;
use crate::task::RunOutcome;
use crate::turn::Usage;

/// What the Agent SDK calls a result that is none of its errors.
const SUCCESS: &str = "success";

/// Key of the reply that answers a turn.
pub const FINAL_KEY: &str = "final";

/// The replies of a turn that covers the inbox up to `through`: none for a deliberate silence (F-08).
///
/// A result that is final although it is an error (a limit was reached) says so to the chat: no path ends in silence.
pub fn final_replies(turn: &OpenTurn, through: InboxOrd, result: &AgentResult) -> Vec<Reply> {
    let text = if let Some(command) = command_of(&turn.messages).filter(|_| result.subtype == SUCCESS) {
        command.done().to_owned()
    } else if result.is_error {
        format!("I stopped before I was done: {}.", describe_limit(&result.subtype))
    } else {
        match result.text.as_deref().and_then(strip_internal) {
            Some(said) => said,
            None => return Vec::new(),
        }
    };
    let Some(chat) = turn.reply_chat(through) else {
        return Vec::new();
    };
    vec![Reply {
        key: FINAL_KEY.to_owned(),
        chat: chat.clone(),
        text,
        sender: None,
        extra: None,
    }]
}

/// How a run ended whose turn says `replies` at its end. What it said early is not known here: the store knows, and takes a
/// silence after it for an answer.
///
/// A conversation that was made shorter is the same one, and what was said before and not shown to it is still to be shown:
/// that is what "not woken" means for the group.
pub fn run_outcome(turn: &OpenTurn, result: &AgentResult, replies: &[Reply]) -> RunOutcome {
    if result.subtype == NOT_WOKEN || command_of(&turn.messages) == Some(SessionCommand::Compact) {
        RunOutcome::NotWoken
    } else if result.subtype == BY_STOP {
        RunOutcome::Cancelled
    } else if result.is_error {
        RunOutcome::Failed
    } else if replies.is_empty() {
        RunOutcome::Silent
    } else {
        RunOutcome::Answered
    }
}

/// The result of a turn that somebody stopped.
pub fn stopped() -> AgentResult {
    said_by_us(BY_STOP, STOPPED)
}

/// The result of a turn that only begins a new conversation.
pub fn renewed() -> AgentResult {
    said_by_us("renewed", SessionCommand::New.done())
}

/// What the result of a stopped turn is called.
const BY_STOP: &str = "stopped";
/// What the chat is told when its turn was stopped.
pub const STOPPED: &str = "Stopped.";

fn said_by_us(subtype: &str, text: &str) -> AgentResult {
    AgentResult {
        subtype: subtype.to_owned(),
        is_error: false,
        text: Some(text.to_owned()),
        consumed_through: None,
        session_id: None,
        num_turns: 0,
        duration_ms: 0,
        cost_usd: None,
        usage: Usage::default(),
        error: None,
    }
}

fn describe_limit(subtype: &str) -> &str {
    match subtype {
        "error_max_turns" => "this needed more steps than one answer may take",
        "error_max_budget_usd" => "the budget of one answer is used up",
        other => other,
    }
}
