//! Reading back what was said.

use serde_json::{Value, json};

use super::conversations::{cursor, next_cursor, readable};
use super::{Answered, Arguments};
use crate::slack::ids;
use crate::slack::json as written;
use crate::slack::state::{Message, State};

/// Most messages in one answer.
const LIMIT_MAX: usize = 999;
/// Messages in one answer where the caller asks for no number.
const LIMIT: usize = 100;

/// The channel's own messages, newest first; answers in threads only where they were shown to the channel too.
pub(super) fn history(state: &State, arguments: &Arguments) -> Answered {
    let channel = readable(state, arguments)?;
    if !channel.members.contains(&state.bot) {
        return Err("not_in_channel");
    }
    let window = Window::read(arguments)?;
    let shown = |message: &&Message| message.thread.is_none() || message.subtype == Some("thread_broadcast");
    let messages = channel.messages.range(window.from..=window.through).rev();
    page(
        state,
        arguments,
        &channel.id,
        messages.map(|(_, message)| message).filter(shown),
    )
}

/// A thread: its parent, then the answers, oldest first.
pub(super) fn replies(state: &State, arguments: &Arguments) -> Answered {
    let channel = readable(state, arguments)?;
    let micros = arguments.text("ts").and_then(ids::micros).ok_or("thread_not_found")?;
    let parent = channel.messages.get(&micros).ok_or("thread_not_found")?;
    let window = Window::read(arguments)?;
    let answers = channel.messages.range(window.from.max(micros + 1)..=window.through);
    let answers = answers
        .map(|(_, message)| message)
        .filter(|message| message.thread == Some(micros));
    page(state, arguments, &channel.id, std::iter::once(parent).chain(answers))
}

/// Microseconds, both ends included.
struct Window {
    from: u64,
    through: u64,
}

impl Window {
    fn read(arguments: &Arguments) -> Result<Self, &'static str> {
        let bound = |name| match arguments.text(name) {
            Some(ts) => ids::micros(ts).ok_or("invalid_ts_oldest").map(Some),
            None => Ok(None),
        };
        // "inclusive" decides about the bounds themselves.
        let step = u64::from(!arguments.is_set("inclusive"));
        let from = bound("oldest")?.map_or(0, |oldest| oldest + step);
        let latest = bound("latest")?.map_or(u64::MAX, |latest| latest.saturating_sub(step));
        Ok(Self {
            from,
            through: latest.max(from),
        })
    }
}

fn page<'m>(
    state: &State,
    arguments: &Arguments,
    channel: &str,
    messages: impl Iterator<Item = &'m Message>,
) -> Answered {
    let limit = arguments.number("limit").unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let with_metadata = arguments.is_set("include_all_metadata");
    let after = cursor(arguments)?;
    let mut rest = messages.skip(after);
    let shown: Vec<Value> = rest
        .by_ref()
        .take(limit)
        .map(|message| written::message(state, channel, message, with_metadata))
        .collect();
    let count = shown.len();
    let mut answer = json!({ "messages": shown, "has_more": false });
    if rest.next().is_some() {
        answer["has_more"] = true.into();
        answer["response_metadata"] = json!({ "next_cursor": next_cursor(after + count) });
    }
    Ok(answer)
}
