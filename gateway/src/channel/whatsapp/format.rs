//! The agent's common Markdown as WhatsApp writes it: `*bold*`, `_italic_`, `~struck~`, code in backticks. Never longer than
//! what it was made of, so that what fitted still fits.

const FENCE: &str = "```";

/// The text as WhatsApp shows it.
pub(super) fn to_whatsapp(text: &str) -> String {
    let mut in_code = false;
    let lines = text.split('\n').map(|written| {
        if let Some(rest) = written.trim_start().strip_prefix(FENCE) {
            // A block on one line ends where it began.
            in_code ^= !rest.contains(FENCE);
            // What language it is would be shown as code.
            return if rest.contains(FENCE) {
                written.to_owned()
            } else {
                FENCE.to_owned()
            };
        }
        if in_code { written.to_owned() } else { line(written) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn line(written: &str) -> String {
    let trimmed = written.trim_start();
    let indent = &written[..written.len() - trimmed.len()];
    let level = trimmed.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&level)
        && let Some(title) = trimmed[level..].strip_prefix(' ')
    {
        let title = title.trim().trim_matches('*');
        return if title.is_empty() {
            String::new()
        } else {
            format!("*{}*", inline(title))
        };
    }
    match trimmed.strip_prefix("* ").or_else(|| trimmed.strip_prefix("+ ")) {
        Some(item) => format!("{indent}- {}", inline(item)),
        None => format!("{indent}{}", inline(trimmed)),
    }
}

/// Marks of Markdown and those of WhatsApp, the longer ones first.
const MARKS: [(&str, &str, &str); 5] = [
    ("***", "*_", "_*"),
    ("**", "*", "*"),
    ("__", "*", "*"),
    ("~~", "~", "~"),
    ("*", "_", "_"),
];

fn inline(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (piece, taken) = code(rest)
            .or_else(|| link(rest))
            .or_else(|| marked(rest))
            .unwrap_or_else(|| (next.to_string(), next.len_utf8()));
        shown.push_str(&piece);
        rest = &rest[taken..];
    }
    shown
}

/// Code is left as it is.
fn code(rest: &str) -> Option<(String, usize)> {
    let length = rest.strip_prefix('`')?.find('`')? + 2;
    Some((rest[..length].to_owned(), length))
}

/// `[text](address)`, and the same for a picture: the text, then the address.
fn link(rest: &str) -> Option<(String, usize)> {
    let inner = rest.strip_prefix("![").or_else(|| rest.strip_prefix('['))?;
    let (label, after) = inner.split_once("](")?;
    let (address, behind) = after.split_once(')')?;
    if label.contains(['[', '\n']) || address.contains([' ', '(']) || !address.contains(':') {
        return None;
    }
    let shown = if label.is_empty() || label == address {
        address.to_owned()
    } else {
        format!("{} ({address})", inline(label))
    };
    Some((shown, rest.len() - behind.len()))
}

fn marked(rest: &str) -> Option<(String, usize)> {
    MARKS.iter().find_map(|(mark, open, close)| {
        let inner = rest.strip_prefix(mark)?;
        let length = inner.find(mark).filter(|length| *length > 0)?;
        let said = &inner[..length];
        let is_tight = !said.starts_with(char::is_whitespace) && !said.ends_with(char::is_whitespace);
        is_tight.then(|| (format!("{open}{}{close}", inline(said)), length + 2 * mark.len()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_is_shown_as_whatsapp_shows_it() {
        for (written, shown) in [
            ("**bold** and *italic* and ~~gone~~", "*bold* and _italic_ and ~gone~"),
            ("__bold__ _italic_", "*bold* _italic_"),
            ("***both***", "*_both_*"),
            ("# Title\n## **Sub**", "*Title*\n*Sub*"),
            ("* one\n  + two\n- three", "- one\n  - two\n- three"),
            ("[docs](https://example.com/a)", "docs (https://example.com/a)"),
            ("![](https://example.com/a.png)", "https://example.com/a.png"),
            ("`**code**` stays", "`**code**` stays"),
            ("```rust\nlet a = b ** c;\n```\n**d**", "```\nlet a = b ** c;\n```\n*d*"),
            ("2 * 3 * 4, a[0](x)", "2 * 3 * 4, a[0](x)"),
            ("#hashtag", "#hashtag"),
            ("", ""),
        ] {
            assert_eq!(to_whatsapp(written), shown, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_never_grows(text in "([a-z #*_~`\\[\\]():!\n]|🦀|```|\\*\\*){0,80}") {
            let units = |text: &str| text.encode_utf16().count();
            prop_assert!(units(&to_whatsapp(&text)) <= units(&text));
        }
    }
}
