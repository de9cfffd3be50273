//! What the main group sees of the installation: made from rows, field by field, so that there is nothing in it that was not
//! put there on purpose. No secrets, databases, configuration files or other groups' sessions (CR-D7).

use std::io;

use proto::group::{Chat, Group};
use serde_json::{Value, json};

use super::files::replace;
use super::{Folders, Owner};
use crate::mailbox::HeldDir;

const README: &str = "\
# This installation

Clawhold runs one agent per chat group, each in a sandbox of its own. This directory is made by the node and read-only.

- `groups.json`: `groups` (registered: id, name, trigger) and `chats` (every chat that was seen, with its group if it has one).
";

/// Writes the view anew; files that did not change are left alone. Blocks.
///
/// # Errors
/// When the file system refuses.
pub fn write_view(folders: &Folders, assistant_name: &str, groups: &[Group], chats: &[Chat]) -> io::Result<()> {
    let ours = Owner::new(rustix::process::geteuid().as_raw());
    let view = HeldDir::open(&folders.view())?;
    let listed = json!({
        "assistant_name": assistant_name,
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
        "chats": chats.iter().map(chat).collect::<Vec<_>>(),
    });
    replace(&view, "groups.json", format!("{listed:#}\n").as_bytes(), ours)?;
    replace(&view, "README.md", README.as_bytes(), ours)
}

fn group(group: &Group) -> Value {
    json!({
        "id": group.id,
        "name": group.name,
        "is_main": group.is_main,
        "trigger": group.settings.trigger,
        "requires_trigger": group.settings.requires_trigger,
        "timezone": group.settings.timezone,
        "created_at": group.created_at,
    })
}

fn chat(chat: &Chat) -> Value {
    json!({
        "id": chat.id,
        "name": chat.name,
        "channel": chat.channel,
        "is_group_chat": chat.is_group_chat,
        "group": chat.group,
        "last_seen_at": chat.last_seen_at,
    })
}
