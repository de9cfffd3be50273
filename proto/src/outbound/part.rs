//! The parts in which a text leaves that is longer than one message of its platform.
//!
//! A row remembers how many bytes of its text were sent, and the next part is cut from there. So nothing is lost or said
//! twice when the process dies between two parts, and not even when the limits change between them. Parts are cut where a
//! reader would: between paragraphs, lines, sentences, words; a code block that is cut is closed and opened again.

/// How a platform counts the length of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextUnit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

/// What one message of a platform holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest text.
    pub text_max: usize,
    /// In these units.
    pub unit: TextUnit,
}

impl Limits {
    /// A platform that takes a text of any length.
    pub const NONE: Self = Self {
        text_max: usize::MAX,
        unit: TextUnit::Bytes,
    };

    pub(super) fn length(self, text: &str) -> usize {
        match self.unit {
            TextUnit::Chars => text.chars().count(),
            TextUnit::Utf16 => text.encode_utf16().count(),
            TextUnit::Bytes => text.len(),
        }
    }

    /// Bytes of the longest beginning of a text that has at most this many units.
    fn longest(self, text: &str, units_max: usize) -> usize {
        let mut units = 0;
        for (at, character) in text.char_indices() {
            units += match self.unit {
                TextUnit::Chars => 1,
                TextUnit::Utf16 => character.len_utf16(),
                TextUnit::Bytes => character.len_utf8(),
            };
            if units > units_max {
                return at;
            }
        }
        text.len()
    }
}

/// One platform message of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the delivery's text before it: with the delivery's id, the identity of the part.
    pub from: u32,
    /// Bytes of the delivery's text up to its end.
    pub through: u32,
    /// What is said.
    pub text: String,
    /// Whether nothing comes after it.
    pub is_last: bool,
}

const FENCE: &str = "```";
/// Longest name of a language that is repeated where its code block goes on: real ones are shorter.
const LANGUAGE_CHARS_MAX: usize = 20;

/// Cuts the next part from a text of which `from` bytes were sent.
///
/// A limit too small for anything sensible still makes progress: every part but an empty text's takes at least a character.
pub fn next_part(text: &str, from: u32, limits: Limits) -> Part {
    let start = text.floor_char_boundary(from as usize);
    let rest = &text[start..];
    let opening = open_fence(&text[..start]).map_or_else(String::new, |language| format!("{FENCE}{language}\n"));
    if limits.length(&opening).saturating_add(limits.length(rest)) <= limits.text_max {
        return part(from, text.len(), format!("{opening}{rest}"), true);
    }
    let closing = format!("\n{FENCE}");
    // A text without code needs no room to close any.
    let reserved = if text.contains(FENCE) { closing.len() } else { 0 };
    let room = limits.text_max.saturating_sub(limits.length(&opening) + reserved);
    let longest = limits.longest(rest, room);
    let at_least = rest.chars().next().map_or(0, char::len_utf8);
    let cut = best_cut(rest, longest).max(at_least);
    let (said, after) = rest.split_at(cut);
    let is_in_code = open_fence(&text[..start + cut]).is_some();
    let body = said.trim_end();
    let said = if is_in_code {
        format!("{opening}{body}{closing}")
    } else {
        format!("{opening}{body}")
    };
    // What separates the parts is not said again; indentation inside code is.
    let mut next = if is_in_code {
        after.strip_prefix('\n').unwrap_or(after)
    } else {
        after.trim_start()
    };
    let (line, behind) = next.split_once('\n').unwrap_or((next, ""));
    if is_in_code && is_closing(line) {
        // The block ends here, and this part has closed it already.
        next = behind.trim_start();
    }
    let through = text.len() - next.len();
    if body.trim_start().is_empty() && through < text.len() {
        // Nothing but blanks: no message of its own.
        let next = next_part(
            text,
            u32::try_from(through).expect("texts are capped far below 4 GiB"),
            limits,
        );
        return Part { from, ..next };
    }
    part(from, through, said, through == text.len())
}

fn part(from: u32, through: usize, text: String, is_last: bool) -> Part {
    Part {
        from,
        through: u32::try_from(through).expect("texts are capped far below 4 GiB"),
        text,
        is_last,
    }
}

/// Where to cut within the `longest` bytes that fit: the best place in their last half, else their end.
fn best_cut(rest: &str, longest: usize) -> usize {
    let fits = &rest[..longest];
    let half = fits.floor_char_boundary(fits.len() / 2);
    let tail = &fits[half..];
    let after = |separator: &str| tail.rfind(separator).map(|at| half + at + separator.len());
    let between_words = rest[longest..].starts_with(char::is_whitespace).then_some(longest);
    ["\n\n", "\n", ". ", "! ", "? "]
        .into_iter()
        .find_map(after)
        .or(between_words)
        .or_else(|| after(" "))
        .unwrap_or(longest)
}

/// The language of the code block that is open at the end of a text.
fn open_fence(text: &str) -> Option<String> {
    let mut open = None;
    for line in text.split('\n') {
        open = match (open, line.trim_start().strip_prefix(FENCE)) {
            (None, Some(info)) => {
                let language = info.split_whitespace().next().unwrap_or_default();
                Some(language.chars().take(LANGUAGE_CHARS_MAX).collect::<String>())
            }
            // Only a fence with nothing behind it closes a block.
            (Some(_), Some(_)) if is_closing(line) => None,
            (open, _) => open,
        };
    }
    open
}

fn is_closing(line: &str) -> bool {
    line.trim() == FENCE
}
