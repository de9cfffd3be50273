//! The language of `q`, as far as anybody uses it here.

use super::state::{State, Stored, bare};

/// Whether a mail is found by a search.
pub(super) fn is_found(state: &State, mail: &Stored, query: &str) -> bool {
    let in_bin = |mail: &Stored| mail.labels.contains("SPAM") || mail.labels.contains("TRASH");
    let everywhere = query.split_whitespace().any(|term| term == "in:anywhere");
    (everywhere || !in_bin(mail)) && query.split_whitespace().all(|term| holds(state, mail, term))
}

/// The `Message-ID` that a search asks for, if it does.
pub(super) fn message_id(query: &str) -> Option<&str> {
    query
        .split_whitespace()
        .find_map(|term| term.strip_prefix("rfc822msgid:").map(bare))
}

fn holds(state: &State, mail: &Stored, term: &str) -> bool {
    if let Some(term) = term.strip_prefix('-') {
        return !holds(state, mail, term);
    }
    let has = |label: &str| mail.labels.contains(label);
    let Some((key, value)) = term.split_once(':') else {
        return mail.header("subject").is_some_and(|subject| subject.contains(term));
    };
    match (key, value) {
        ("in", "anywhere") => true,
        ("in", place) => has(&place.to_uppercase()),
        ("is", "unread") => has("UNREAD"),
        ("category", "primary") => is_primary(mail),
        ("category", other) => has(&format!("CATEGORY_{}", other.to_uppercase())),
        ("label", name) => state
            .labels
            .iter()
            .any(|(id, known)| has(id) && known.to_lowercase().replace(['/', ' '], "-") == name.to_lowercase()),
        ("after", seconds) => seconds.parse().is_ok_and(|after: u64| mail.internal_ms / 1_000 > after),
        ("before", seconds) => seconds
            .parse()
            .is_ok_and(|before: u64| mail.internal_ms / 1_000 < before),
        ("from", who) => mail.header("from").is_some_and(|from| from.contains(who)),
        ("rfc822msgid", id) => mail.header("message-id").map(bare) == Some(bare(id)),
        _ => false,
    }
}

fn is_primary(mail: &Stored) -> bool {
    let other = |label: &String| label.starts_with("CATEGORY_") && label != "CATEGORY_PERSONAL";
    mail.labels.contains("INBOX") && !mail.labels.iter().any(other)
}
