//! Slack's names of emoji: a reaction is added by name.

/// The emoji that agents react with, and Slack's names for them.
const NAMES: [(&str, &str); 48] = [
    ("👍", "+1"),
    ("👎", "-1"),
    ("❤", "heart"),
    ("🎉", "tada"),
    ("👀", "eyes"),
    ("🚀", "rocket"),
    ("😄", "smile"),
    ("😀", "grinning"),
    ("😊", "blush"),
    ("🙂", "slightly_smiling_face"),
    ("😂", "joy"),
    ("🤣", "rolling_on_the_floor_laughing"),
    ("😅", "sweat_smile"),
    ("😉", "wink"),
    ("😍", "heart_eyes"),
    ("😎", "sunglasses"),
    ("😢", "cry"),
    ("😭", "sob"),
    ("😮", "open_mouth"),
    ("😱", "scream"),
    ("😡", "rage"),
    ("🤔", "thinking_face"),
    ("🙄", "face_with_rolling_eyes"),
    ("🤷", "shrug"),
    ("🙏", "pray"),
    ("👏", "clap"),
    ("🙌", "raised_hands"),
    ("👋", "wave"),
    ("👌", "ok_hand"),
    ("💪", "muscle"),
    ("🤝", "handshake"),
    ("🔥", "fire"),
    ("💯", "100"),
    ("✨", "sparkles"),
    ("⭐", "star"),
    ("✅", "white_check_mark"),
    ("✔", "heavy_check_mark"),
    ("❌", "x"),
    ("❗", "exclamation"),
    ("❓", "question"),
    ("⚠", "warning"),
    ("💡", "bulb"),
    ("🐛", "bug"),
    ("🔧", "wrench"),
    ("📌", "pushpin"),
    ("📎", "paperclip"),
    ("⏳", "hourglass_flowing_sand"),
    ("🤖", "robot_face"),
];

/// Says an emoji is meant in colour; makes no other emoji of it.
const VARIATION: char = '\u{fe0f}';

/// The name of an emoji, given as such or as `:name:`.
pub(super) fn name(emoji: &str) -> Option<&str> {
    let emoji = emoji.trim().trim_end_matches(VARIATION);
    let known = NAMES.iter().find(|(sign, _)| *sign == emoji).map(|(_, name)| *name);
    let given = emoji.trim_matches(':');
    let is_name = !given.is_empty()
        && given
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-+".contains(&byte));
    known.or(is_name.then_some(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_and_names_are_names() {
        for (emoji, known) in [
            ("👍", Some("+1")),
            ("❤\u{fe0f}", Some("heart")),
            (":party_parrot:", Some("party_parrot")),
            ("🦑", None),
            ("", None),
        ] {
            assert_eq!(name(emoji), known, "{emoji}");
        }
    }
}
