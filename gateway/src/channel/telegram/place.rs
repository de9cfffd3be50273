//! Where something is said: a chat and perhaps a topic of it, and the ids by which the rest of Clawhold knows both.

use proto::ids::ChatId;

/// A chat or a topic of a forum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) chat: i64,
    pub(super) thread: Option<i64>,
}

const PREFIX: &str = "tg:";

impl Place {
    /// A chat as a whole.
    pub(super) fn chat(chat: i64) -> Self {
        Self { chat, thread: None }
    }

    /// Reads `tg:<chat>` or `tg:<chat>/<topic>` (CH-07).
    pub(super) fn parse(id: &ChatId) -> Option<Self> {
        let id = id.as_str().strip_prefix(PREFIX)?;
        let (chat, thread) = match id.split_once('/') {
            Some((chat, thread)) => (chat, Some(thread.parse().ok()?)),
            None => (id, None),
        };
        let chat = chat.parse().ok()?;
        Some(Self { chat, thread })
    }

    pub(super) fn id(self) -> ChatId {
        ChatId::new(match self.thread {
            Some(thread) => format!("{PREFIX}{}/{thread}", self.chat),
            None => format!("{PREFIX}{}", self.chat),
        })
    }
}

/// The platform id of a message. Telegram numbers messages per chat, so the chat is part of it.
pub(super) fn message_id(chat: i64, message: i64) -> String {
    format!("{chat}/{message}")
}

/// The chat and number of a message by its platform id.
pub(super) fn parse_message_id(id: &str) -> Option<(i64, i64)> {
    let mut numbers = id.split('/');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        for place in [
            Place::chat(7),
            Place {
                chat: -1_001,
                thread: Some(5),
            },
        ] {
            assert_eq!(Place::parse(&place.id()), Some(place));
        }
        assert_eq!(Place::chat(-1_001).id().as_str(), "tg:-1001");
        for other in ["cli:main", "tg:", "tg:x", "tg:1/x"] {
            assert_eq!(Place::parse(&ChatId::new(other)), None, "{other}");
        }
        assert_eq!(parse_message_id(&message_id(-5, 7)), Some((-5, 7)));
        assert_eq!(parse_message_id("-5/7/edited/9"), Some((-5, 7)));
    }
}
