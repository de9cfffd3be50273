//! Formatting, checked by what Telegram makes of it.

use doubles::telegram::plain_html;
use proptest::prelude::*;

use super::super::format::html;

#[test]
fn common_markdown_is_rendered() {
    let cases = [
        ("plain & <simple>", "plain &amp; &lt;simple&gt;"),
        (
            "**bold** and *italic* and ~~gone~~",
            "<b>bold</b> and <i>italic</i> and <s>gone</s>",
        ),
        ("# Title\ntext", "<b>Title</b>\ntext"),
        ("one\ntwo\n\nthree", "one\ntwo\n\nthree"),
        ("- a\n- b\n  - c", "• a\n• b\n  • c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("`a < b`", "<code>a &lt; b</code>"),
        (
            "```rust\nlet x = 1 < 2;\n```\nafter",
            "<pre><code class=\"language-rust\">let x = 1 &lt; 2;</code></pre>\nafter",
        ),
        ("```\na\n\nb\n```", "<pre>a\n\nb</pre>"),
        (
            "[l](https://example.org/?a=1&b=2)",
            "<a href=\"https://example.org/?a=1&amp;b=2\">l</a>",
        ),
        ("[l](javascript:alert)", "l"),
        (
            "> quoted\n> more\n\nafter",
            "<blockquote>quoted\nmore</blockquote>\n\nafter",
        ),
        (
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "<pre>| a | b |\n|---|---|\n| 1 | 2 |</pre>",
        ),
        ("snake_case_name 2*3*4", "snake_case_name 2<i>3</i>4"),
        ("a <b>not ours</b>", "a &lt;b&gt;not ours&lt;/b&gt;"),
    ];
    for (markdown, expected) in cases {
        assert_eq!(html(markdown), expected, "{markdown}");
    }
}

/// Spaces that tabs may become.
const TABS_MAX: usize = 32;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A part was cut to fit before it was formatted.
    #[test]
    fn what_is_rendered_is_taken_by_telegram_and_no_longer_than_its_source(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "word", " ", "\n", "\n\n", "*", "**", "_", "`", "```", "```rust\n", "# ", "- ", "1. ", "> ", "| a |", "|---|",
            "[", "](https://x.y)", "<b>", "&amp;", "&", "~~", "\\", "  ", "    ", "😀", "---", "===", "!", "\t", "(", ")",
        ]), 0..40)
    ) {
        let markdown = pieces.concat();
        let rendered = html(&markdown);
        let plain = plain_html(&rendered).map_err(|why| TestCaseError::fail(format!("{markdown:?} → {rendered:?}: {why}")))?;
        let units = |text: &str| text.encode_utf16().count();
        prop_assert!(units(plain.trim()) <= units(&markdown) + TABS_MAX, "{markdown:?} → {rendered:?}");
    }
}
