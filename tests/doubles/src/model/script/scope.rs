//! Which part of a conversation bears on the next answer: what was asked, and what was done about it already.
//!
//! Usually all that came after the last final answer. After an interruption the same work is asked for again, so the search
//! goes back to where it was first asked, and the lines of the notice that list what was sent count as done too.

use serde_json::Value;

use super::super::protocol::request::{ModelRequest, Step};
use super::prompt;
use super::tool::SEND_MESSAGE;

/// The part of the conversation that bears on this answer.
pub(super) struct Scope<'a> {
    /// User texts whose directives count, with their step.
    pub(super) asked: Vec<(usize, &'a str)>,
    /// The steps since the work was first asked for.
    steps: &'a [Step],
    /// Index in `steps` of the newest user text.
    newest: usize,
    /// Lines that list what was sent already.
    sent: Vec<String>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(request: &'a ModelRequest) -> Self {
        let all = &request.steps;
        let turn_start = all.len() - request.current_turn().len();
        let texts: Vec<(usize, &str)> = all
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match step {
                Step::User(text) => Some((index, text.as_str())),
                _ => None,
            })
            .collect();
        let Some(&(newest, newest_text)) = texts.last() else {
            return Self {
                asked: Vec::new(),
                steps: all,
                newest: 0,
                sent: Vec::new(),
            };
        };
        if !is_interrupted(newest_text) {
            let asked = texts.into_iter().filter(|(index, _)| *index >= turn_start).collect();
            return Self {
                asked,
                steps: &all[turn_start..],
                newest: newest.saturating_sub(turn_start),
                sent: Vec::new(),
            };
        }
        let repeated = prompt::messages_in(newest_text);
        let (mut start, mut source) = (newest, (newest, newest_text));
        for (index, text) in texts.into_iter().rev().skip(1) {
            let messages = prompt::messages_in(text);
            if repeated.is_empty() {
                // The notice came alone: the prompt it speaks of is the newest one that is not such a notice itself.
                (start, source) = (index, (index, text));
                if !(is_interrupted(text) && messages.is_empty()) {
                    break;
                }
            } else if messages.iter().any(|message| repeated.contains(message)) || is_interrupted(text) {
                start = index;
            } else {
                break;
            }
        }
        Self {
            asked: vec![source],
            steps: &all[start..],
            newest: newest - start,
            sent: sent_lines(newest_text),
        }
    }

    /// How often this call has been made. Both records may know of the same call, so they are not added up.
    pub(super) fn times_done(&self, name: &str, input: &Value) -> usize {
        let key = if name == SEND_MESSAGE { "text" } else { "command" };
        let calls = self.steps.iter().filter(|step| match step {
            Step::Call {
                id,
                name: called,
                input: with,
            } => called == name && with[key] == input[key] && self.has_result(id),
            _ => false,
        });
        let listed = if name == SEND_MESSAGE {
            self.times_listed(input[key].as_str().unwrap_or_default())
        } else {
            0
        };
        calls.count().max(listed)
    }

    /// A failed call of this run counts, or it would be made for ever. One from before the interruption does not: the
    /// failure may be the interruption itself.
    fn has_result(&self, call: &str) -> bool {
        self.steps.iter().enumerate().any(|(index, step)| match step {
            Step::ToolResult { id, is_error, .. } => id == call && (!is_error || index > self.newest),
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
