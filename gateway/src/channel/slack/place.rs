//! Where something is said: a channel and perhaps a thread of it, and the ids by which the rest of Clawhold knows both.

use proto::ids::ChatId;
use proto::time::Timestamp;

const PREFIX: &str = "slack:";

/// A channel, somebody's direct messages, or a thread of either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// `C…`, `G…` or `D…`; `U…` for the direct messages of somebody whom nobody has written to yet.
    pub(super) channel: String,
    /// The timestamp of the thread's first message.
    pub(super) thread: Option<String>,
}

impl Place {
    /// A channel as a whole.
    pub(super) fn channel(channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            thread: None,
        }
    }

    /// Reads `slack:<channel>` or `slack:<channel>/<thread>` (SL-03, CH-07).
    pub(super) fn parse(id: &ChatId) -> Option<Self> {
        let id = id.as_str().strip_prefix(PREFIX)?;
        let (channel, thread) = match id.split_once('/') {
            Some((channel, thread)) => (channel, Some(thread.to_owned())),
            None => (id, None),
        };
        let is_id = !channel.is_empty() && channel.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| Self {
            channel: channel.to_owned(),
            thread,
        })
    }

    pub(super) fn id(&self) -> ChatId {
        ChatId::new(match &self.thread {
            Some(thread) => format!("{PREFIX}{}/{thread}", self.channel),
            None => format!("{PREFIX}{}", self.channel),
        })
    }

    /// The chat it is a thread of.
    pub(super) fn parent(&self) -> Option<ChatId> {
        self.thread.as_ref().map(|_| Self::channel(&self.channel).id())
    }

    /// Whether nobody but one person reads it.
    pub(super) fn is_direct(&self) -> bool {
        self.channel.starts_with('D')
    }
}

/// The platform id of a message. Timestamps are unique within a channel only (SL-07), so the channel is part of it.
pub(super) fn message_id(channel: &str, ts: &str) -> String {
    format!("{channel}/{ts}")
}

/// The channel and timestamp of a message by its platform id, or by one of an edit of it.
pub(super) fn parse_message_id(id: &str) -> Option<(&str, &str)> {
    let (channel, rest) = id.split_once('/')?;
    Some((channel, rest.split('/').next()?))
}

/// When a message was sent (SL-03).
pub(super) fn sent_at(ts: &str) -> Option<Timestamp> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1_000)?.checked_add(millis)?))
}

/// The timestamp of a moment, to read a channel's history from.
pub(super) fn ts(at: Timestamp) -> String {
    let millis = at.as_millis().max(0);
    format!("{}.{:03}000", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        let thread = Place {
            channel: "C024BE91L".to_owned(),
            thread: Some("1355517523.000005".to_owned()),
        };
        for place in [Place::channel("D1"), thread.clone()] {
            assert_eq!(Place::parse(&place.id()), Some(place));
        }
        assert_eq!(thread.parent(), Some(ChatId::new("slack:C024BE91L")));
        for other in ["cli:main", "slack:", "slack:/1.2", "slack:a b"] {
            assert_eq!(Place::parse(&ChatId::new(other)), None, "{other}");
        }
        let id = message_id("C1", "1.2");
        assert_eq!(parse_message_id(&id), Some(("C1", "1.2")));
        assert_eq!(parse_message_id("C1/1.2/edited/1.3"), Some(("C1", "1.2")));
    }

    #[test]
    fn timestamps_are_times() {
        let time = Timestamp::from_millis(1_355_517_523_120);
        assert_eq!(sent_at("1355517523.120005"), Some(time));
        assert_eq!(sent_at("1355517523.12"), Some(time));
        assert_eq!(ts(time), "1355517523.120000");
        assert_eq!(sent_at("soon"), None);
    }
}
