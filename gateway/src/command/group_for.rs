//! Which group a chat gets that is paired without one being named: one of its own, named after it.

use proto::group::{Chat, Group, GroupSettings};
use proto::ids::GroupId;
use proto::time::Timestamp;

/// Longest part of a chat's name that becomes part of its group's.
const NAME_MAX: usize = 40;
/// Groups of chats with one name are counted; who has more of them names them.
const SAME_NAME_MAX: u32 = 1_000;

/// A new group for a chat, `<channel>_<name>`, that is none of those `taken`; `None`: there are too many of that name.
pub(super) fn group_for(chat: &Chat, taken: &[Group], now: Timestamp) -> Option<Group> {
    let words = chat.name.as_deref().unwrap_or(chat.id.as_str());
    let stem = format!("{}_{}", slug(&chat.channel), slug(words));
    let is_free = |id: &GroupId| taken.iter().all(|group| group.id != *id);
    let names = (1..=SAME_NAME_MAX).map(|number| match number {
        1 => stem.clone(),
        number => format!("{stem}-{number}"),
    });
    let id = names.filter_map(|name| GroupId::parse(&name).ok()).find(is_free)?;
    Some(Group {
        name: chat.name.clone().unwrap_or_else(|| id.to_string()),
        id,
        is_main: false,
        settings: GroupSettings {
            // Alone with the assistant, nobody needs to call it.
            requires_trigger: Some(chat.is_group_chat),
            ..GroupSettings::default()
        },
        created_at: now,
    })
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= NAME_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "chat".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ids::ChatId;

    fn chat(name: Option<&str>, is_group_chat: bool) -> Chat {
        Chat {
            id: ChatId::new("tg:-42"),
            channel: "telegram".into(),
            account: "bot".into(),
            name: name.map(str::to_owned),
            is_group_chat,
            group: None,
            parent: None,
            last_seen_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_group_is_named_after_its_chat_and_never_after_another_group() {
        let now = Timestamp::from_millis(7);
        let first = group_for(&chat(Some("Family & Friends!"), true), &[], now).unwrap();
        assert_eq!(first.id.as_str(), "telegram_family-friends");
        assert_eq!((first.is_main, first.settings.requires_trigger), (false, Some(true)));
        let second = group_for(&chat(Some("family friends"), false), &[first], now).unwrap();
        assert_eq!(second.id.as_str(), "telegram_family-friends-2");
        assert_eq!(second.settings.requires_trigger, Some(false));
        assert_eq!(
            group_for(&chat(Some("日本"), true), &[], now).unwrap().id.as_str(),
            "telegram_chat"
        );
        assert_eq!(
            group_for(&chat(None, true), &[], now).unwrap().id.as_str(),
            "telegram_tg-42"
        );
    }
}
