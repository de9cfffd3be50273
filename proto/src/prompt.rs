//! The prompt the agent sees: one context line and the messages as XML (F-01…F-05), or a task's prompt behind a notice
//! (F-06).

use chrono_tz::Tz;

use crate::command::SessionCommand;
use crate::ids::InboxOrd;
use crate::inbound::InboxMessage;
use crate::task::FiringRef;
use crate::time::Timestamp;
use crate::turn::Said;

/// Most messages in one prompt: as in NanoClaw (DB-15), but the rest waits for the next turn instead of being dropped.
pub const MESSAGES_MAX: usize = 200;

/// Most pending messages looked at for one prompt: bounds the chatter before the message that calls the agent.
pub const PENDING_MAX: usize = 1_000;

/// Formats inbox messages as a prompt (F-01, F-02).
pub fn format_messages<'m>(zone: Tz, messages: impl IntoIterator<Item = &'m InboxMessage>) -> String {
    let mut prompt = format!("<context timezone=\"{}\" />\n<messages>\n", escape(zone.name()));
    let lines: Vec<_> = messages
        .into_iter()
        .map(|message| format_message(zone, message))
        .collect();
    prompt.push_str(&lines.join("\n"));
    prompt.push_str("\n</messages>");
    prompt
}

/// Notice before the prompt of a task (F-06, AR-03).
const TASK_NOTICE: &str = "[SCHEDULED TASK - This was started by a schedule. Nobody in the chat has just written it.]";

/// Formats a batch as a prompt: messages as XML; a firing as a notice and the task's own words, after the chatter before it; a
/// command literally (OP-01).
pub fn format_batch(zone: Tz, batch: &[InboxMessage]) -> String {
    if let Some(command) = command_of(batch) {
        return command.as_str().to_owned();
    }
    let Some((firing, chatter)) = batch.split_last().filter(|(last, _)| is_firing(last)) else {
        return format_messages(zone, batch);
    };
    let task = format!("{TASK_NOTICE}\n\n{}", firing.envelope.text);
    if chatter.is_empty() {
        task
    } else {
        format!("{}\n\n{task}", format_messages(zone, chatter))
    }
}

/// The prompt of an attempt whose predecessor was interrupted after the agent had begun to work on it.
///
/// `already_sent` is what was sent early in this turn, oldest first. The messages are repeated in full:
/// should the session turn out to be lost, nothing is.
pub fn format_interrupted(zone: Tz, already_sent: &[Said], messages: &[InboxMessage]) -> String {
    if command_of(messages).is_some() {
        return format_batch(zone, messages);
    }
    let mut prompt = String::from(
        "[Your run was interrupted before it was finished. Continue where you left off: do not repeat steps that are \
         done, and give your final answer to the messages below.]\n",
    );
    if !already_sent.is_empty() {
        prompt.push_str("[These messages of yours were already sent; do not send them again:]\n<already_sent>\n");
        for said in already_sent {
            prompt.push_str(&format!("<sent>{}</sent>\n", escape(&said.text)));
        }
        prompt.push_str("</already_sent>\n");
    }
    prompt.push_str(&format_batch(zone, messages));
    prompt
}

/// Chooses which of the pending messages go into one prompt, oldest first: [`MESSAGES_MAX`] of them, or as many more
/// as it takes to reach the first one that engages the agent. Nothing is dropped (DB-D5); the rest waits.
///
/// A firing is a batch of its own: with the chatter before it as context, or quite alone where it is isolated. So its
/// outcome and its cost are those of one turn, and nobody's answer goes to another one's chat.
///
/// A command is quite alone as well: what was said before it is dealt with first, chatter goes along with the next batch.
///
/// `pending` is what lies after the cursor, cut at [`PENDING_MAX`]. `None`: nobody called the agent.
pub fn choose_batch(pending: &[InboxMessage]) -> Option<&[InboxMessage]> {
    match pending.iter().position(|message| message.envelope.engages) {
        Some(first_engaging) => Some(batch_of(pending, first_engaging)),
        // The one that engages lies even further back: this much chatter is a turn of its own.
        None if pending.len() >= PENDING_MAX => Some(pending),
        None => None,
    }
}

fn batch_of(pending: &[InboxMessage], first_engaging: usize) -> &[InboxMessage] {
    if is_command(&pending[first_engaging]) {
        return &pending[first_engaging..=first_engaging];
    }
    match &pending[first_engaging].envelope.task {
        Some(firing) if firing.is_isolated() => &pending[first_engaging..=first_engaging],
        Some(_) => &pending[..=first_engaging],
        None => {
            let length = pending.len().min(MESSAGES_MAX.max(first_engaging + 1));
            let alone = pending[..length].iter().position(stands_alone);
            &pending[..alone.unwrap_or(length)]
        }
    }
}

fn is_firing(message: &InboxMessage) -> bool {
    message.envelope.task.is_some()
}

fn is_command(message: &InboxMessage) -> bool {
    message.envelope.details.command.is_some()
}

fn stands_alone(message: &InboxMessage) -> bool {
    is_firing(message) || is_command(message)
}

/// The command that a batch is, if it is one.
pub fn command_of(batch: &[InboxMessage]) -> Option<SessionCommand> {
    batch.last()?.envelope.details.command
}

/// Whether a batch is worked on beside nothing else.
pub fn is_alone(batch: &[InboxMessage]) -> bool {
    batch.last().is_some_and(stands_alone)
}

/// The firing that a batch is for, if it is for one.
pub fn firing_of(batch: &[InboxMessage]) -> Option<&FiringRef> {
    batch.last()?.envelope.task.as_ref()
}

/// Whether a batch runs in a session and a sandbox of its own.
pub fn is_isolated(batch: &[InboxMessage]) -> bool {
    firing_of(batch).is_some_and(FiringRef::is_isolated)
}

/// Chooses the batch of an attempt that follows one whose prompts reached `seen_through`: at least those messages, which
/// the session contains already, so that an answer to them moves the cursor past them. What stands alone never grows.
pub fn choose_batch_again(pending: &[InboxMessage], seen_through: InboxOrd) -> Option<&[InboxMessage]> {
    let chosen = choose_batch(pending);
    if chosen.is_some_and(is_alone) {
        return chosen;
    }
    // What was handed over ends before what stands alone.
    let until = pending.iter().position(stands_alone).unwrap_or(pending.len());
    let seen = pending[..until].partition_point(|message| message.ord <= seen_through);
    let length = chosen.map_or(0, <[_]>::len).max(seen);
    (length > 0).then(|| &pending[..length])
}

/// A batch with the chatter before it that its session has not seen: isolated firings and commands let it pass unseen, and see
/// none themselves.
pub fn with_unseen(mut unseen: Vec<InboxMessage>, batch: &[InboxMessage]) -> Vec<InboxMessage> {
    if is_isolated(batch) || command_of(batch).is_some() {
        unseen.clear();
    }
    unseen.extend_from_slice(batch);
    unseen
}

/// Largest position in a batch.
pub fn last_ord(messages: &[InboxMessage]) -> Option<InboxOrd> {
    messages.last().map(|message| message.ord)
}

fn format_message(zone: Tz, message: &InboxMessage) -> String {
    let quoted = message
        .envelope
        .details
        .quote
        .as_ref()
        .map_or_else(String::new, |quote| {
            format!(
                "<quoted_message from=\"{}\">{}</quoted_message>",
                escape(&quote.sender_name),
                escape(&quote.text)
            )
        });
    let id = message
        .envelope
        .reaction_id()
        .map_or_else(String::new, |id| format!(" id=\"{}\"", escape(id)));
    format!(
        "<message sender=\"{}\" time=\"{}\"{id}>{quoted}{}</message>",
        escape(&message.envelope.sender_name),
        escape(&format_time(zone, message.envelope.sent_at)),
        escape(&message.envelope.text),
    )
}

/// Formats a time as NanoClaw does, `Jan 1, 2024, 1:30 PM` (F-05).
pub fn format_time(zone: Tz, time: Timestamp) -> String {
    time.to_utc()
        .with_timezone(&zone)
        .format("%b %-d, %Y, %-I:%M %p")
        .to_string()
}

/// Escapes text for the prompt's XML (F-04): the apostrophe stays.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
