//! Which part of a conversation bears on the next answer: what was asked, and what was done about it already.
//!
//! Usually all that came after the last final answer. After an interruption the same work is asked for again, so the search
//! goes back to where it was first asked, and the lines of the notice that list what was sent count as done too.

use serde_json::Value;

use super::super::protocol::request::{ModelRequest, Step};
use super::prompt;
use super::tool::{BASH, SEND_MESSAGE};

/// The part of the conversation that bears on this answer.
pub(super) struct Scope<'a> {
    /// The messages whose directives count, oldest first.
    pub(super) asked: Vec<Asked>,
    /// The steps since the work was first asked for.
    steps: &'a [Step],
    /// Index in `steps` of the notice of an interruption, 0 without one.
    resumed: usize,
    /// Lines that list what was sent already.
    sent: Vec<String>,
}

/// One message, or a prompt that holds none.
pub(super) struct Asked {
    /// The step it stands in.
    pub(super) step: usize,
    /// What it says.
    pub(super) text: String,
}

impl<'a> Scope<'a> {
    pub(super) fn of(request: &'a ModelRequest) -> Self {
        let steps = &request.steps;
        let texts: Vec<(usize, &str)> = steps.iter().enumerate().filter_map(user_text).collect();
        let turn = turn_start(steps, steps.len());
        // A follow-up may come after the notice, in the same turn.
        let notice = texts
            .iter()
            .rposition(|(index, text)| *index >= turn && is_interrupted(text));
        let start = notice.map_or(turn, |notice| turn_start(steps, first_asked(&texts[..=notice])));
        let (resumed, sent) = notice.map_or((0, Vec::new()), |notice| (texts[notice].0, sent_lines(texts[notice].1)));
        let of_turn: Vec<(usize, &str)> = texts.into_iter().filter(|(index, _)| *index >= start).collect();
        let asked = match notice {
            Some(_) => asked_once(&of_turn),
            None => of_turn.into_iter().flat_map(asked).collect(),
        };
        Self {
            asked,
            steps: &steps[start..],
            resumed: resumed.saturating_sub(start),
            sent,
        }
    }

    /// How often this call has been made. Both records may know of the same call, so they are not added up.
    pub(super) fn times_done(&self, name: &str, input: &Value) -> usize {
        let calls = self.steps.iter().filter(|step| match step {
            Step::Call {
                id,
                name: called,
                input: with,
            } => called == name && same_input(name, with, input) && self.has_result(id),
            _ => false,
        });
        let listed = if name == SEND_MESSAGE {
            self.times_listed(input["text"].as_str().unwrap_or_default())
        } else {
            0
        };
        calls.count().max(listed)
    }

    /// A failed call of this run counts, or it would be made for ever. One from before the interruption does not: the
    /// failure may be the interruption itself.
    fn has_result(&self, call: &str) -> bool {
        self.steps.iter().enumerate().any(|(index, step)| match step {
            Step::ToolResult { id, is_error, .. } => id == call && (!is_error || index > self.resumed),
            _ => false,
        })
    }

    fn times_listed(&self, text: &str) -> usize {
        match self.sent.iter().filter(|line| *line == text).count() {
            0 => self.sent.iter().filter(|line| mentions(line, text)).count(),
            exact => exact,
        }
    }
}

fn user_text((index, step): (usize, &Step)) -> Option<(usize, &str)> {
    match step {
        Step::User(text) => Some((index, text)),
        _ => None,
    }
}

/// Where the work that was interrupted was first asked for: the newest text that is no notice of an interruption itself.
fn first_asked(texts: &[(usize, &str)]) -> usize {
    let original = texts.iter().rev().find(|(_, text)| !is_interrupted(text));
    original.or(texts.first()).map_or(0, |(index, _)| *index)
}

/// The first step of the turn that holds the step before `end`, or that begins there.
fn turn_start(steps: &[Step], end: usize) -> usize {
    let answer = steps[..end].iter().rposition(|step| matches!(step, Step::Answer(_)));
    answer.map_or(0, |index| index + 1)
}

fn asked((step, text): (usize, &str)) -> Vec<Asked> {
    let messages = prompt::messages_in(text);
    if messages.is_empty() {
        return vec![Asked {
            step,
            text: text.trim().to_owned(),
        }];
    }
    messages
        .into_iter()
        .map(|message| Asked {
            step,
            text: message.text,
        })
        .collect()
}

/// What an interrupted run was asked. The notice may repeat messages of the earlier prompt, or bring new ones only: a
/// message counts as often as it stands in one prompt. A notice without messages asks for nothing new.
fn asked_once(texts: &[(usize, &str)]) -> Vec<Asked> {
    let mut known = Vec::new();
    let mut once = Vec::new();
    for &(step, text) in texts {
        let messages = prompt::messages_in(text);
        if messages.is_empty() && (once.is_empty() || !is_interrupted(text)) {
            once.extend(asked((step, text)));
        }
        let mut before = known.clone();
        for message in messages {
            match before.iter().position(|earlier| *earlier == message) {
                Some(index) => drop(before.swap_remove(index)),
                None => {
                    once.push(Asked {
                        step,
                        text: message.text.clone(),
                    });
                    known.push(message);
                }
            }
        }
    }
    once
}

/// Whether two inputs of a tool ask for the same.
fn same_input(name: &str, one: &Value, other: &Value) -> bool {
    match name {
        SEND_MESSAGE => one["text"] == other["text"],
        BASH => one["command"] == other["command"],
        _ => one == other,
    }
}

fn is_interrupted(text: &str) -> bool {
    prompt::outside_messages(text).to_lowercase().contains("interrupted")
}

const SENT_MARKER: &str = "already sent";

/// The lines from the marker on, without bullets, quotes and escaping.
fn sent_lines(text: &str) -> Vec<String> {
    let outside = prompt::outside_messages(text);
    let lines = outside
        .lines()
        .skip_while(|line| !line.to_lowercase().contains(SENT_MARKER));
    let lines = lines.map(|line| {
        let marker = line
            .to_lowercase()
            .find(SENT_MARKER)
            .and_then(|at| line.get(at + SENT_MARKER.len()..));
        let text = marker
            .unwrap_or(line)
            .trim_start_matches([':', '-', '*', '•', ' ', '\t'])
            .trim_end();
        let unquoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        prompt::unescape(unquoted)
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Whether a line holds a text as whole words.
fn mentions(line: &str, text: &str) -> bool {
    let edge = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphanumeric());
    !text.is_empty()
        && line
            .match_indices(text)
            .any(|(at, _)| edge(line[..at].chars().next_back()) && edge(line[at + text.len()..].chars().next()))
}
