//! The agent's Markdown as Slack's mrkdwn. Pure.
//!
//! mrkdwn knows bold, italic, strike, code, quotes and links; everything else is said with these. `<@U…>` and `<#C…>` are
//! left alone, so that an agent can mention people and channels; nothing else of Slack's own markup gets through, above all
//! not `<!channel>`.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream};

/// A text for `chat.postMessage`. Never blank where the text is not.
pub(super) fn mrkdwn(text: &str) -> String {
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES);
    let mut writer = Writer::default();
    for event in TextMergeStream::new(parser) {
        writer.write(event);
    }
    let written = writer.text.trim().to_owned();
    // A text of nothing but definitions of links, for example.
    if written.is_empty() { escaped(text) } else { written }
}

/// The name of the role that speaks, as a heading.
pub(super) fn role(name: &str) -> String {
    format!("*{}*", escaped(name))
}

#[derive(Default)]
struct Writer {
    text: String,
    /// Of lists that are open: the next number, if they are numbered.
    lists: Vec<Option<u64>>,
    quotes: usize,
    is_code: bool,
    is_heading: bool,
    /// Where the label of an open link begins, and where it leads.
    link: Option<String>,
    /// Cells of the row of a table.
    cells: usize,
}

impl Writer {
    fn write(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => self.lines(&code(&text)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.lines(&escaped(&text)),
            Event::Code(text) => self.text.push_str(&format!("`{}`", code(&text))),
            Event::SoftBreak | Event::HardBreak => self.lines("\n"),
            Event::Rule => self.block("———"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.begin(),
            Tag::Heading { .. } => {
                self.begin();
                self.is_heading = true;
                self.text.push('*');
            }
            Tag::BlockQuote(_) => {
                self.begin();
                self.quotes += 1;
                self.text.push_str("> ");
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.begin();
                self.text.push_str("```\n");
                self.is_code = true;
            }
            Tag::List(first) => {
                self.begin();
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Strong if !self.is_heading => self.text.push('*'),
            Tag::Emphasis => self.text.push('_'),
            Tag::Strikethrough => self.text.push('~'),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.text.push_str(&format!("<{}|", address(&dest_url)));
                self.link = Some(dest_url.into_string());
            }
            Tag::Table(_) => {
                self.begin();
                self.text.push_str("```\n");
                self.is_code = true;
            }
            Tag::TableHead | Tag::TableRow => self.cells = 0,
            Tag::TableCell => {
                if self.cells > 0 {
                    self.text.push_str(" | ");
                }
                self.cells += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.gap(),
            TagEnd::Heading(_) => {
                self.is_heading = false;
                self.text.push('*');
                self.gap();
            }
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                // The marks of lines that did not come.
                while let Some(kept) = self.text.strip_suffix("\n> ").map(str::len) {
                    self.text.truncate(kept);
                }
                self.gap();
            }
            TagEnd::CodeBlock | TagEnd::Table => {
                self.is_code = false;
                if !self.text.ends_with('\n') {
                    self.lines("\n");
                }
                self.text.push_str("```");
                self.gap();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.gap();
                }
            }
            TagEnd::Strong if !self.is_heading => self.text.push('*'),
            TagEnd::Emphasis => self.text.push('_'),
            TagEnd::Strikethrough => self.text.push('~'),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableHead | TagEnd::TableRow => self.text.push('\n'),
            _ => {}
        }
    }

    /// `<url|url>` is `<url>`, and a link without a label too.
    fn end_link(&mut self) {
        let Some(url) = self.link.take() else { return };
        let open = format!("<{}|", address(&url));
        let Some(at) = self.text.rfind(&open) else { return };
        let label = self.text.split_off(at + open.len());
        if label.is_empty() || label == escaped(&url) {
            self.text.pop();
            self.text.push('>');
        } else {
            self.text.push_str(&format!("{label}>"));
        }
    }

    fn item(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') && !self.text.ends_with("> ") {
            self.lines("\n");
        }
        let depth = self.lists.len().saturating_sub(1);
        self.text.push_str(&"    ".repeat(depth));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.text.push_str(&format!("{number}. "));
                *number += 1;
            }
            _ => self.text.push_str("• "),
        }
    }

    /// A block begins on a line of its own.
    fn begin(&mut self) {
        let is_fresh = self.text.is_empty() || self.text.ends_with('\n') || self.text.ends_with("• ");
        let is_after_mark = self.text.ends_with(". ") || self.text.ends_with("> ");
        if !is_fresh && !is_after_mark {
            self.lines("\n");
        }
    }

    fn block(&mut self, text: &str) {
        self.begin();
        self.text.push_str(text);
        self.gap();
    }

    /// A blank line, outside of lists.
    fn gap(&mut self) {
        if self.lists.is_empty() {
            self.lines("\n\n");
        } else if !self.text.ends_with('\n') {
            self.lines("\n");
        }
    }

    /// Text whose lines are quoted, if a quote is open.
    fn lines(&mut self, text: &str) {
        if self.quotes == 0 {
            self.text.push_str(text);
        } else {
            self.text.push_str(&text.replace('\n', "\n> "));
        }
    }
}

fn code(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text in which only mentions of people and channels mean something to Slack.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        written.push_str(&code(&rest[..start]));
        let mention = mention(&rest[start..]);
        match mention {
            Some(mention) => written.push_str(mention),
            None => written.push_str("&lt;"),
        }
        rest = &rest[start + mention.map_or(1, str::len)..];
    }
    written.push_str(&code(rest));
    written
}

/// `<@U…>` or `<#C…>` at the beginning of a text.
fn mention(text: &str) -> Option<&str> {
    let id = text.strip_prefix("<@").or_else(|| text.strip_prefix("<#"))?;
    let length = id.find('>')?;
    let is_id = length > 0
        && id[..length]
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id.then(|| &text[..length + "<@>".len()])
}

fn address(url: &str) -> String {
    code(url).replace('|', "%7C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_said_in_slacks_words() {
        for (markdown, slack) in [
            ("**bold** and *italic* and ~~gone~~", "*bold* and _italic_ and ~gone~"),
            ("# Title **x**\ntext", "*Title x*\n\ntext"),
            (
                "[here](https://example.org/a|b) <https://example.org>",
                "<https://example.org/a%7Cb|here> <https://example.org>",
            ),
            ("- a\n- b\n  - c", "• a\n• b\n    • c"),
            ("1. a\n2. b", "1. a\n2. b"),
            ("a\n\nb", "a\n\nb"),
            ("line\nline", "line\nline"),
            (
                "`a < b` and\n\n```rust\nlet x = a && b;\n```",
                "`a &lt; b` and\n\n```\nlet x = a &amp;&amp; b;\n```",
            ),
            ("> quoted\n> twice\n\nafter", "> quoted\n> twice\n\nafter"),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "```\na | b\n1 | 2\n```"),
        ] {
            assert_eq!(mrkdwn(markdown), slack, "{markdown}");
        }
    }

    #[test]
    fn people_can_be_mentioned_but_nobody_can_be_woken_all_at_once() {
        assert_eq!(mrkdwn("<@U024BE7LH> look at <#C1>"), "<@U024BE7LH> look at <#C1>");
        assert_eq!(mrkdwn("<!channel> a & b < c"), "&lt;!channel&gt; a &amp; b &lt; c");
        assert_eq!(mrkdwn("`<@U1>`"), "`&lt;@U1&gt;`");
    }

    #[test]
    fn what_has_words_never_becomes_nothing() {
        assert_eq!(mrkdwn("[a]: https://example.org"), "[a]: https://example.org");
    }

    proptest::proptest! {
        #[test]
        fn nothing_an_agent_says_wakes_a_whole_channel(text in ".{0,200}") {
            let said = mrkdwn(&format!("{text}<!channel>{text}"));
            proptest::prop_assert!(!said.contains("<!"));
            proptest::prop_assert!(!said.trim().is_empty());
        }
    }
}
