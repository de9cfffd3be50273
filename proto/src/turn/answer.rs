//! What a turn says at its end.

use super::run::OpenTurn;
use crate::ids::InboxOrd;
use crate::ipc::{AgentResult, NOT_WOKEN};
use crate::outbound::{Reply, strip_internal};
use crate::task::RunOutcome;

/// Key of the reply that answers a turn.
pub const FINAL_KEY: &str = "final";

/// The replies of a turn that covers the inbox up to `through`: none for a deliberate silence (F-08).
///
/// A result that is final although it is an error (a limit was reached) says so to the chat: no path ends in silence.
pub fn final_replies(turn: &OpenTurn, through: InboxOrd, result: &AgentResult) -> Vec<Reply> {
    let text = if result.is_error {
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
pub fn run_outcome(result: &AgentResult, replies: &[Reply]) -> RunOutcome {
    if result.subtype == NOT_WOKEN {
        RunOutcome::NotWoken
    } else if result.is_error {
        RunOutcome::Failed
    } else if replies.is_empty() {
        RunOutcome::Silent
    } else {
        RunOutcome::Answered
    }
}

fn describe_limit(subtype: &str) -> &str {
    match subtype {
        "error_max_turns" => "this needed more steps than one answer may take",
        "error_max_budget_usd" => "the budget of one answer is used up",
        other => other,
    }
}
