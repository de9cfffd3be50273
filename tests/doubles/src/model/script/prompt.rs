//! Reads the chat messages back out of a prompt.
//!
//! The form: a `<context …/>` line, then a `<messages>` element with one `<message sender="…" time="…">text</message>` per
//! line, `& < > "` escaped. A prompt of a scheduled task is plain text and holds no messages.

/// One chat message of a prompt, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// The display name of the sender.
    pub sender: String,
    /// The local time as written in the prompt.
    pub time: String,
    /// What was said.
    pub text: String,
}

const OPEN: &str = "<message ";
const CLOSE: &str = "</message>";

/// The messages of a prompt, oldest first. Anything that is not a whole message element is passed over.
#[must_use]
pub fn messages_in(prompt: &str) -> Vec<PromptMessage> {
    let mut found = Vec::new();
    let mut rest = prompt;
    while let Some((_, after)) = rest.split_once(OPEN) {
        // Attribute values have their `>` escaped, so the first one ends the tag.
        let Some((attributes, content)) = after.split_once('>') else {
            break;
        };
        let Some((text, tail)) = content.split_once(CLOSE) else {
            break;
        };
        found.push(PromptMessage {
            sender: attribute(attributes, "sender"),
            time: attribute(attributes, "time"),
            text: unescape(text),
        });
        rest = tail;
    }
    found
}

/// The text of the newest message of a prompt, or the whole prompt when it holds no messages.
pub(crate) fn newest_text(prompt: &str) -> String {
    messages_in(prompt)
        .pop()
        .map_or_else(|| prompt.trim().to_owned(), |message| message.text)
}

/// What a prompt says beside its messages.
pub(crate) fn outside_messages(prompt: &str) -> String {
    let mut kept = String::new();
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once(OPEN) {
        kept.push_str(before);
        rest = after.split_once(CLOSE).map_or("", |(_, tail)| tail);
    }
    kept.push_str(rest);
    kept
}

/// Undoes the escaping of a prompt. `&amp;` comes last, or `&amp;lt;` would turn into `<`.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn attribute(attributes: &str, name: &str) -> String {
    let value = attributes
        .split_once(&format!("{name}=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    value.map(|(value, _)| unescape(value)).unwrap_or_default()
}
