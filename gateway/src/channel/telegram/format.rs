//! The agent's Markdown as Telegram's HTML.
//!
//! Once Telegram has parsed it, the result is no longer than its source, so that a part that was cut to fit does fit: nothing
//! is added but tags, and tables stay as they are written. Only tabs that stand for spaces can make it longer by a few.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Renders a text.
pub(super) fn html(markdown: &str) -> String {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let mut writer = Writer {
        source: markdown,
        out: String::with_capacity(markdown.len() + markdown.len() / 8),
        block_end: 0,
        lists: Vec::new(),
        raw_until: 0,
        links: Vec::new(),
        quotes: 0,
    };
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        writer.event(event, range);
    }
    writer.out.trim_end().to_owned()
}

/// A text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Instead of the end of a block: the marker of a list's item was just written.
const AFTER_MARKER: usize = usize::MAX;

struct Writer<'s> {
    source: &'s str,
    out: String,
    /// Where the last block ended in the source.
    block_end: usize,
    /// Of each open list, whether it is numbered.
    lists: Vec<bool>,
    /// Up to here the source was taken as it is.
    raw_until: usize,
    /// Of each open link, whether it became a tag.
    links: Vec<bool>,
    /// Depth of block quotes, of which Telegram knows one.
    quotes: u32,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if range.start < self.raw_until {
            return;
        }
        let is_inline = !matches!(event, Event::Start(_) | Event::End(_) | Event::Rule);
        if is_inline && self.block_end == AFTER_MARKER {
            self.block_end = range.end;
        }
        match event {
            Event::Start(tag) => self.start(&tag, &range),
            Event::End(tag) => self.end(tag, &range),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.out += &escape(&text),
            Event::Code(text) => self.out += &format!("<code>{}</code>", escape(&text)),
            Event::SoftBreak | Event::HardBreak => self.out.push('\n'),
            Event::Rule => {
                self.gap(range.start);
                self.out += "———";
                self.block_end = range.end;
            }
            // Not switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.out += &escape(&text)
            }
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Table(_) => {
                self.gap(range.start);
                let table = self.source[range.clone()].trim_end();
                self.out += &format!("<pre>{}</pre>", escape(table));
                (self.raw_until, self.block_end) = (range.end, range.end);
            }
            Tag::Paragraph | Tag::HtmlBlock => self.gap(range.start),
            Tag::Heading { .. } => {
                self.gap(range.start);
                self.out += "<b>";
            }
            Tag::BlockQuote(_) => {
                self.gap(range.start);
                if self.quotes == 0 {
                    self.out += "<blockquote>";
                }
                self.quotes += 1;
                self.block_end = range.start;
            }
            Tag::CodeBlock(kind) => {
                self.gap(range.start);
                self.out += &match language(kind) {
                    Some(language) => format!("<pre><code class=\"language-{language}\">"),
                    None => "<pre>".to_owned(),
                };
            }
            Tag::List(first) => {
                self.gap(range.start);
                self.lists.push(first.is_some());
                self.block_end = range.start;
            }
            Tag::Item => self.item(range),
            Tag::Emphasis => self.out += "<i>",
            Tag::Strong => self.out += "<b>",
            Tag::Strikethrough => self.out += "<s>",
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.link(dest_url),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Heading(_) => self.out += "</b>",
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                if self.quotes == 0 {
                    self.trim();
                    self.out += "</blockquote>";
                }
            }
            TagEnd::CodeBlock => {
                self.trim();
                let opened = self.out.rfind("<pre>").map_or("", |at| &self.out[at + "<pre>".len()..]);
                let has_language = opened.starts_with("<code class=");
                self.out += if has_language { "</code></pre>" } else { "</pre>" };
            }
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::Emphasis => self.out += "</i>",
            TagEnd::Strong => self.out += "</b>",
            TagEnd::Strikethrough => self.out += "</s>",
            TagEnd::Link | TagEnd::Image => {
                self.out += self.links.pop().filter(|opened| *opened).map_or("", |_| "</a>")
            }
            _ => {}
        }
        let ends_block = matches!(
            tag,
            TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::BlockQuote(_)
                | TagEnd::CodeBlock
                | TagEnd::List(_)
                | TagEnd::Item
                | TagEnd::HtmlBlock
        );
        if ends_block {
            // Blanks after a block belong to the gap before the next.
            self.block_end = range.start + self.source[range.clone()].trim_end().len();
        }
    }

    /// As far apart as in the source: a line, or an empty line.
    fn gap(&mut self, start: usize) {
        let starts_anew = self.out.is_empty() || self.out.ends_with("<blockquote>");
        if self.block_end == AFTER_MARKER || starts_anew {
            self.block_end = start;
            return;
        }
        let between = self.source.get(self.block_end..start).unwrap_or_default();
        let lines = between.matches('\n').count().min(2);
        let there = self.out.len() - self.out.trim_end_matches('\n').len();
        for _ in there..lines.max(1) {
            self.out.push('\n');
        }
    }

    fn item(&mut self, range: &Range<usize>) {
        self.gap(range.start);
        // As deep as in the source, which is never deeper in the result.
        let line = self.source[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let indent = self.source[line..range.start].chars().take_while(|c| *c == ' ').count();
        self.out += &" ".repeat(indent);
        let marker = self.source[range.clone()].split_whitespace().next().unwrap_or_default();
        let is_numbered = self.lists.last().copied().unwrap_or_default();
        self.out += if is_numbered { marker } else { "•" };
        if self.source[range.start + marker.len()..].starts_with([' ', '\t']) {
            self.out.push(' ');
        }
        // What follows stands on the same line.
        self.block_end = AFTER_MARKER;
    }

    fn link(&mut self, url: &str) {
        let is_address = ["http://", "https://", "tg://", "mailto:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if is_address {
            let url = escape(url).replace('"', "&quot;");
            self.out += &format!("<a href=\"{url}\">");
        }
        self.links.push(is_address);
    }

    fn trim(&mut self) {
        self.out.truncate(self.out.trim_end_matches('\n').len());
    }
}

/// The language of a code block, if it can stand in an attribute.
fn language<'k>(kind: &'k CodeBlockKind<'_>) -> Option<&'k str> {
    let CodeBlockKind::Fenced(info) = kind else { return None };
    let language = info.split_whitespace().next()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-_#.".contains(c);
    language.chars().all(fits).then_some(language)
}
