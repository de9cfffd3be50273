//! `parse_mode=HTML`: the tags Telegram knows, and its complaints about everything else.

use serde_json::{Value, json};

use super::entities::{entity, units};
use super::error::ApiError;
use super::markdown;

/// A text without its formatting, and the formatting.
pub(super) type Formatted = (String, Vec<Value>);

/// Reads a text in a parse mode. Without one the text is taken as it is.
pub(super) fn parse(text: &str, mode: Option<&str>) -> Result<Formatted, ApiError> {
    let parsed = match mode.map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => Ok((text.to_owned(), super::entities::detect(text))),
        Some("html") => html(text),
        Some("markdownv2") => markdown::parse(text),
        Some(_) => return Err(ApiError::bad_request("unsupported parse_mode")),
    };
    parsed.map_err(|why| ApiError::bad_request(format!("can't parse entities: {why}")))
}

/// What is left of a text with `parse_mode=HTML`, or why Telegram would refuse it.
///
/// # Errors
/// Telegram's own complaint.
pub fn plain_html(text: &str) -> Result<String, String> {
    html(text).map(|(plain, _)| plain)
}

struct Open {
    tag: String,
    offset: usize,
    attribute: Option<(&'static str, String)>,
}

fn html(text: &str) -> Result<Formatted, String> {
    let (mut plain, mut found, mut open) = (String::new(), Vec::new(), Vec::<Open>::new());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '&' => {
                let (decoded, length) = character(&text[at..]);
                plain.push(decoded);
                at += length;
            }
            '<' => {
                let end = text[at..].find('>').ok_or_else(|| {
                    let kind = if text[at..].starts_with("</") { "end" } else { "start" };
                    format!("Unclosed {kind} tag at byte offset {at}")
                })?;
                let tag = &text[at + 1..at + end];
                match tag.strip_prefix('/') {
                    Some(closed) => close(closed.trim(), at, &mut open, &plain, &mut found)?,
                    None => open.push(start(tag, at, units(&plain))?),
                }
                at += end + 1;
            }
            c => {
                plain.push(c);
                at += c.len_utf8();
            }
        }
    }
    match open.pop() {
        Some(open) => Err(format!(
            "Can't find end tag corresponding to start tag \"{}\"",
            open.tag
        )),
        None => Ok((plain, found)),
    }
}

fn start(tag: &str, at: usize, offset: usize) -> Result<Open, String> {
    let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let name = name.to_ascii_lowercase();
    let value = |attribute: &str| {
        let (_, rest) = attributes.split_once(&format!("{attribute}=\""))?;
        rest.split_once('"').map(|(value, _)| unescape(value))
    };
    let attribute = match name.as_str() {
        "a" => value("href").map(|url| ("url", url)),
        "code" => value("class").and_then(|class| Some(("language", class.strip_prefix("language-")?.to_owned()))),
        _ => None,
    };
    match kind(&name) {
        Some(_) => Ok(Open {
            tag: name,
            offset,
            attribute,
        }),
        None => Err(format!("Unsupported start tag \"{name}\" at byte offset {at}")),
    }
}

fn close(name: &str, at: usize, open: &mut Vec<Open>, plain: &str, found: &mut Vec<Value>) -> Result<(), String> {
    let Some(opened) = open.pop() else {
        return Err(format!("Unexpected end tag at byte offset {at}"));
    };
    if !name.is_empty() && !name.eq_ignore_ascii_case(&opened.tag) {
        return Err(format!(
            "Unmatched end tag at byte offset {at}, expected \"</{}>\", found \"</{name}>\"",
            opened.tag
        ));
    }
    let length = units(plain).saturating_sub(opened.offset);
    let Some(kind) = kind(&opened.tag).filter(|_| length > 0) else {
        return Ok(());
    };
    let mut entity = entity(kind, opened.offset, length);
    if let Some((name, value)) = opened.attribute {
        entity[name] = json!(value);
    }
    // `<pre><code class="language-x">` is one block with a language; a link without an address is plain text.
    let outer = open.last().map(|outer| (outer.tag.as_str(), outer.offset));
    if kind == "code" && outer == Some(("pre", opened.offset)) {
        if let (Some(language), Some(outer)) = (entity["language"].as_str(), open.last_mut()) {
            outer.attribute = Some(("language", language.to_owned()));
        }
    } else if kind != "text_link" || entity["url"].is_string() {
        found.push(entity);
    }
    Ok(())
}

fn kind(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" | "span" => "spoiler",
        "a" => "text_link",
        "code" => "code",
        "pre" => "pre",
        "blockquote" => "blockquote",
        _ => return None,
    })
}

/// The character that stands at the beginning, and how many bytes it takes. An unknown name is no entity but text.
fn character(text: &str) -> (char, usize) {
    let named = text[1..].find(';').map(|end| (&text[1..=end], end + 2));
    let decoded = named.and_then(|(name, length)| {
        let c = match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        };
        Some((c, length))
    });
    decoded.unwrap_or(('&', 1))
}

fn unescape(text: &str) -> String {
    let (mut plain, mut at) = (String::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        let (c, length) = if c == '&' {
            character(&text[at..])
        } else {
            (c, c.len_utf8())
        };
        plain.push(c);
        at += length;
    }
    plain
}
