//! The trigger: the word at the start of a message that calls the agent (ML-06), with word boundaries that work
//! for any script (ML-D7 does not exist here).

use crate::group::Group;

/// A trigger phrase such as `@Andy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    phrase: String,
}

impl Trigger {
    /// From a phrase, surrounding blanks removed.
    pub fn new(phrase: &str) -> Self {
        Self {
            phrase: phrase.trim().to_owned(),
        }
    }

    /// The trigger of a group: its own, else `@<assistant name>`.
    pub fn of_group(group: &Group, assistant_name: &str) -> Self {
        match group.settings.trigger.as_deref().map(str::trim) {
            Some(own) if !own.is_empty() => Self::new(own),
            _ => Self::new(&format!("@{assistant_name}")),
        }
    }

    /// The phrase.
    pub fn as_str(&self) -> &str {
        &self.phrase
    }

    /// Whether `text`, leading blanks removed, starts with the phrase as a whole word, ignoring case.
    ///
    /// The phrase ends at a boundary when the next character is not a letter, digit, mark or underscore of any
    /// script, or when the phrase itself ends in such a non-word character.
    pub fn matches(&self, text: &str) -> bool {
        self.strip(text).is_some()
    }

    /// What follows the phrase in a text that [`Trigger::matches`].
    pub fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let rest = strip_prefix_ignoring_case(text.trim_start(), &self.phrase)?;
        let phrase_ends_in_word = self.phrase.chars().next_back().is_some_and(is_word);
        (!phrase_ends_in_word || !rest.chars().next().is_some_and(is_word)).then_some(rest)
    }
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    // Lower-casing may change the number of characters, so both sides are compared as streams of lower-case
    // characters; a match counts only at the end of a whole character of `text`.
    let mut wanted = prefix.chars().flat_map(char::to_lowercase).peekable();
    wanted.peek()?;
    for (at, found) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(&text[at..]);
        }
        for lower in found.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
    }
    wanted.peek().is_none().then_some("")
}

fn is_word(character: char) -> bool {
    // Combining marks (a decomposed é, Devanagari vowel signs) belong to the word before them.
    character.is_alphanumeric() || character == '_' || is_combining(character)
}

fn is_combining(character: char) -> bool {
    matches!(u32::from(character),
        0x0300..=0x036F | 0x0483..=0x0489 | 0x0591..=0x05BD | 0x064B..=0x065F | 0x093A..=0x094F
        | 0x0E31..=0x0E3A | 0x0E47..=0x0E4E | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x200D | 0x20D0..=0x20FF
        | 0x3099..=0x309A | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ml_06_matches_at_the_start_ignoring_case() {
        let andy = Trigger::new("@Andy");
        for yes in [
            "@Andy hi",
            "  @andy",
            "@ANDY, now",
            "@Andy\nhi",
            "@Andy's turn",
            "@Andy-hello",
        ] {
            assert!(andy.matches(yes), "{yes:?}");
        }
        for no in ["hi @Andy", "@Andyx", "@Andy2", "@Andy_", "Andy", "", "@And"] {
            assert!(!andy.matches(no), "{no:?}");
        }
    }

    #[test]
    fn ml_d7_word_boundaries_work_for_any_script() {
        assert!(!Trigger::new("@Andy").matches("@Andyé"), "é continues the word");
        assert!(
            !Trigger::new("@Andy").matches("@Andye\u{301}"),
            "so does a combining accent"
        );
        assert!(Trigger::new("@André").matches("@andré: bonjour"));
        assert!(Trigger::new("@アンディ").matches("@アンディ、元気?"));
        assert!(Trigger::new("@Андрей").matches("@андрей привет"));
        assert!(
            Trigger::new("hey!").matches("Hey!you"),
            "a phrase that ends in punctuation ends itself"
        );
        assert!(Trigger::new("@a.b").matches("@A.B x"));
        assert!(
            !Trigger::new("@a.b").matches("@aXb x"),
            "the phrase is text, not a pattern"
        );
    }

    #[test]
    fn case_folding_that_changes_the_length_is_handled() {
        assert!(Trigger::new("@İris").matches("@İRIS hi"));
    }
}
