//! `parse_mode=MarkdownV2`: its marks, and the characters that must be escaped.

use serde_json::json;

use super::entities::{entity, units};

/// Characters that mean something, or might one day.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<super::formatting::Formatted, String> {
    let (mut plain, mut found) = (String::new(), Vec::new());
    let mut open: Vec<(&str, usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c == '\\' {
            let escaped = rest[1..].chars().next().filter(char::is_ascii).unwrap_or('\\');
            plain.push(escaped);
            at += if rest.len() > 1 { 1 + escaped.len_utf8() } else { 1 };
        } else if let Some(inside) = rest.strip_prefix("```") {
            let end = inside.find("```").ok_or_else(|| no_end("Pre", at))?;
            let (language, code) = fenced(&inside[..end]);
            let mut pre = entity("pre", units(&plain), units(code));
            if let Some(language) = language {
                pre["language"] = json!(language);
            }
            found.push(pre);
            plain.push_str(code);
            at += end + 6;
        } else if c == '`' {
            let end = rest[1..].find('`').ok_or_else(|| no_end("Code", at))?;
            found.push(entity("code", units(&plain), units(&rest[1..=end])));
            plain.push_str(&rest[1..=end]);
            at += end + 2;
        } else if c == '[' {
            open.push(("[", units(&plain), at));
            at += 1;
        } else if let Some((url, length)) = (c == ']').then(|| link(rest)).flatten() {
            let (_, offset, _) = open
                .pop()
                .filter(|(mark, ..)| *mark == "[")
                .ok_or_else(|| reserved(c))?;
            let mut linked = entity("text_link", offset, units(&plain) - offset);
            linked["url"] = json!(url);
            found.push(linked);
            at += length;
        } else if let Some((mark, kind)) = mark(rest) {
            match open.last() {
                Some((opened, offset, _)) if *opened == mark => {
                    found.push(entity(kind, *offset, units(&plain) - offset));
                    open.pop();
                }
                _ => open.push((mark, units(&plain), at)),
            }
            at += mark.len();
        } else if c == '>' && (plain.is_empty() || plain.ends_with('\n')) {
            at += 1;
        } else if RESERVED.contains(c) {
            return Err(reserved(c));
        } else {
            plain.push(c);
            at += c.len_utf8();
        }
    }
    match open.pop() {
        Some((mark, _, at)) => Err(no_end(name(mark), at)),
        None => Ok((plain, found)),
    }
}

fn mark(rest: &str) -> Option<(&'static str, &'static str)> {
    let marks = [
        ("__", "underline"),
        ("||", "spoiler"),
        ("*", "bold"),
        ("_", "italic"),
        ("~", "strikethrough"),
    ];
    marks.into_iter().find(|(mark, _)| rest.starts_with(mark))
}

fn name(mark: &str) -> &'static str {
    match mark {
        "__" => "Underline",
        "||" => "Spoiler",
        "*" => "Bold",
        "_" => "Italic",
        "~" => "Strikethrough",
        _ => "TextUrl",
    }
}

/// `](url)`.
fn link(rest: &str) -> Option<(&str, usize)> {
    let (url, _) = rest.strip_prefix("](")?.split_once(')')?;
    Some((url, url.len() + 3))
}

fn fenced(inside: &str) -> (Option<&str>, &str) {
    match inside.split_once('\n') {
        Some((first, code)) if !first.is_empty() && !first.contains(char::is_whitespace) => (Some(first), code),
        _ => (None, inside.trim_start_matches('\n')),
    }
}

fn reserved(c: char) -> String {
    format!("Character '{c}' is reserved and must be escaped with the preceding '\\'")
}

fn no_end(kind: &str, at: usize) -> String {
    format!("Can't find end of {kind} entity at byte offset {at}")
}
