//! Entities: spans of a text in UTF-16 units, and those that Telegram finds by itself in what people write.

use serde_json::{Value, json};

/// Length as Telegram counts it.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

pub(super) fn entity(kind: &str, offset: usize, length: usize) -> Value {
    json!({ "type": kind, "offset": offset, "length": length })
}

/// Mentions (`@name`), commands (`/name`) and links in a text.
pub(super) fn detect(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let bare = bare.trim_end_matches([',', '.', '!', '?', ':', ';', ')']);
        let offset = units(&text[..at]);
        let is_name =
            |name: &str| name.len() > 1 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@');
        let kind = match bare.chars().next() {
            Some('@') if is_name(&bare[1..]) => Some("mention"),
            Some('/') if is_name(&bare[1..]) => Some("bot_command"),
            _ if bare.starts_with("https://") || bare.starts_with("http://") => Some("url"),
            _ => None,
        };
        found.extend(kind.map(|kind| entity(kind, offset, units(bare))));
        at += word.len();
    }
    found
}
