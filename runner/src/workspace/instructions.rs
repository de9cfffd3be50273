//! The `CLAUDE.md` a new group starts with. It is the group's own from then on: written once, never touched again.

use proto::group::Group;

const OF_A_GROUP: &str = include_str!("instructions_group.md");
const OF_MAIN: &str = include_str!("instructions_main.md");

pub(super) const NAME: &str = "CLAUDE.md";

/// The text for this group.
pub(super) fn instructions(group: &Group, assistant_name: &str) -> String {
    let text = if group.is_main { OF_MAIN } else { OF_A_GROUP };
    text.replace("{assistant}", &one_line(assistant_name))
        .replace("{group}", &one_line(&group.name))
}

/// Names come from chat platforms: a line break would let one write instructions of its own.
fn one_line(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(100).collect()
}
