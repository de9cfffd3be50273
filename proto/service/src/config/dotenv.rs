//! `.env` files, by NanoClaw's rules (P-06), which are simpler than those of the well-known parsers: a file that worked
//! there means the same here.

/// One line that sets something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Name of the variable.
    pub(super) name: &'a str,
    /// Its value, never empty.
    pub(super) value: &'a str,
    /// Line, from 1.
    pub(super) line: usize,
}

/// Reads the lines that set something. No line is an error: blank ones, comments and lines without `=` say nothing.
pub(super) fn parse(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().zip(1..).filter_map(|(content, line)| {
        let content = content.trim();
        if content.starts_with('#') {
            return None;
        }
        let (name, value) = content.split_once('=')?;
        let value = unquote(value.trim());
        (!value.is_empty()).then_some(Entry {
            name: name.trim(),
            value,
            line,
        })
    })
}

/// Takes off one pair of quotes that match.
fn unquote(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_06_the_rules_of_nanoclaw() {
        let table = [
            ("A=1", Some(("A", "1"))),
            ("  A = x y ", Some(("A", "x y"))),
            ("# A=1", None),
            ("  # A=1", None),
            ("", None),
            ("A", None),
            ("A=", None),
            ("A=''", None),
            ("A=\"x\"", Some(("A", "x"))),
            ("A='x'", Some(("A", "x"))),
            ("A='\"x\"'", Some(("A", "\"x\""))),
            ("A=\"x'", Some(("A", "\"x'"))),
            ("A=\"", Some(("A", "\""))),
            ("A=x # not a comment", Some(("A", "x # not a comment"))),
            ("A=b=c", Some(("A", "b=c"))),
            ("export A=1", Some(("export A", "1"))),
            ("A=a\\nb", Some(("A", "a\\nb"))),
            ("\u{feff}A=1\r", Some(("A", "1"))),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(name, value)| Entry { name, value, line: 1 });
            assert_eq!(parse(text).next(), expected, "{text:?}");
        }
    }
}
