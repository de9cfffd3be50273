//! Slack's markup as plain text with Markdown links: what the agent reads. Pure.
//!
//! `<@U…>` stays as it is, whoever is meant (SL-06), so that the agent can mention people the same way.

/// The text without Slack's escapes.
pub(super) fn read_text(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        read.push_str(&unescaped(&rest[..start]));
        read.push_str(&token(&rest[start + 1..start + length]));
        rest = &rest[start + length + 1..];
    }
    read.push_str(&unescaped(rest));
    read
}

/// What stands between `<` and `>`.
fn token(token: &str) -> String {
    let (what, label) = match token.split_once('|') {
        Some((what, label)) => (what, Some(label).filter(|label| !label.is_empty())),
        None => (token, None),
    };
    match what.as_bytes().first() {
        Some(b'@') => format!("<{what}>"),
        Some(b'#') => label.map_or_else(|| format!("<{what}>"), |name| format!("#{}", unescaped(name))),
        Some(b'!') => special(&what[1..], label),
        _ => link(&unescaped(what), label.map(unescaped)),
    }
}

/// `<!here>`, `<!subteam^S1|@crew>`, `<!date^…|yesterday>`.
fn special(what: &str, label: Option<&str>) -> String {
    match (label, what.split('^').next()) {
        (Some(label), _) => unescaped(label),
        (None, Some(word)) => format!("@{word}"),
        (None, None) => String::new(),
    }
}

fn link(url: &str, label: Option<String>) -> String {
    let plain = url.trim_start_matches("mailto:").trim_start_matches("tel:");
    match label {
        // Slack shortens what people typed; that is no label.
        Some(label) if !plain.ends_with(label.as_str()) => format!("[{label}]({url})"),
        _ => plain.to_owned(),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_read_as_people_see_it() {
        for (said, read) in [
            ("<@U1> a &lt;b&gt; &amp;amp; c", "<@U1> a <b> &amp; c"),
            (
                "see <https://example.org/a?b=1&amp;c|the page>",
                "see [the page](https://example.org/a?b=1&c)",
            ),
            (
                "<https://example.org> <https://example.org|example.org>",
                "https://example.org https://example.org",
            ),
            ("<mailto:a@example.org|a@example.org>", "a@example.org"),
            (
                "<#C1|general> <#C2> <!here> <!subteam^S1|@crew>",
                "#general <#C2> @here @crew",
            ),
            ("1 < 2", "1 < 2"),
            ("", ""),
        ] {
            assert_eq!(read_text(said), read, "{said}");
        }
    }
}
