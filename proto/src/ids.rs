//! Typed identities. Every id that leaves the process is text; every counter that orders or fences is a number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Source of fresh ids, injected so that tests and the simulator can replay a run.
pub trait IdSource: Send + Sync {
    /// Returns a fresh UUID version 7: unique, and sortable by creation time.
    fn uuid(&self) -> Uuid;
}

/// Identity of a group: its folder name (CR-29), which is also safe as a NATS subject token and a container label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId(String);

/// Why a text cannot be a group id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a group name: use 1 to {max} letters, digits, '-' or '_', starting with a letter or digit, and not 'global'",
    max = GroupId::LENGTH_MAX
)]
pub struct InvalidGroupId {
    /// What was given, cut to a printable length.
    pub text: String,
}

impl GroupId {
    /// Longest group id, in bytes (CR-29): leaves room for prefixes in container names and paths.
    pub const LENGTH_MAX: usize = 64;

    /// Parses a group id after the rule of CR-29: `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`, and not `global`.
    ///
    /// # Errors
    /// [`InvalidGroupId`] for anything else, among it `..`, slashes, colons and surrounding blanks.
    pub fn parse(text: &str) -> Result<Self, InvalidGroupId> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
        let continues_well = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let reserved = text.eq_ignore_ascii_case("global");
        if starts_well && continues_well && text.len() <= Self::LENGTH_MAX && !reserved {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidGroupId {
                text: text.chars().take(80).collect(),
            })
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GroupId {
    type Error = InvalidGroupId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl FromStr for GroupId {
    type Err = InvalidGroupId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<GroupId> for String {
    fn from(id: GroupId) -> Self {
        id.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text as this id.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Identity of a chat: `<channel>:<platform id>`, for example `cli:main` or `tg:-100123` (CH-06).
    ChatId
);
text_id!(
    /// Identity of a runner, stable over its restarts on one host.
    RunnerId
);
text_id!(
    /// The Agent SDK's session id, as the SDK chose it.
    SessionId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Draws a fresh id.
            pub fn fresh(ids: &dyn IdSource) -> Self {
                Self(ids.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// Identity of a turn; it stays the same over all attempts at that turn.
    TurnId
);
uuid_id!(
    /// Identity of an outbox row; sortable by creation.
    OutboxId
);
uuid_id!(
    /// Identity of a snapshot of a group's files.
    SnapshotId
);

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The value before the first.
            pub const ZERO: Self = Self(0);

            /// The value after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// Position of a message in its group's inbox; grows by arrival, gaps are allowed.
    InboxOrd
);
counter!(
    /// How often a group has been claimed: decides whose effects count.
    Epoch
);
counter!(
    /// How often a runner has started: tells a restarted runner from its own past.
    Incarnation
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_follow_the_folder_rule_cr_29() {
        let longest = "a".repeat(64);
        for good in ["main", "A", "0-9_x", longest.as_str()] {
            assert_eq!(GroupId::parse(good).map(String::from), Ok(good.to_owned()));
        }
        let too_long = "a".repeat(65);
        for bad in [
            "",
            " main",
            "main ",
            "-a",
            "_a",
            "..",
            "a..b",
            "a/b",
            "a\\b",
            "a:b",
            "GLOBAL",
            "é",
            too_long.as_str(),
        ] {
            assert!(GroupId::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
