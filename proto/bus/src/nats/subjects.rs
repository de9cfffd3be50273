//! Names of the subjects and of the stream.

use std::fmt::Write;

use proto::ids::{GroupId, RunnerId};

/// Queue group of the runners with a free slot: one of them hears that a group is ready.
pub(super) const RUNNERS: &str = "runners";
/// Queue group of the full ones that would close an idle sandbox for it.
pub(super) const FULL_RUNNERS: &str = "full-runners";

/// Makes the names of one installation.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    prefix: String,
}

impl Subjects {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The stream of accepted messages.
    pub(super) fn stream(&self) -> String {
        format!("{}_IN", self.prefix.to_ascii_uppercase())
    }

    /// What the stream takes.
    pub(super) fn all_messages(&self) -> String {
        format!("{}.in.*.*", self.prefix)
    }

    /// Messages of one partition.
    pub(super) fn partition(&self, partition: u32) -> String {
        format!("{}.in.{partition}.*", self.prefix)
    }

    /// Messages of one group. A group's id is a safe token as it is.
    pub(super) fn message(&self, partition: u32, group: &GroupId) -> String {
        format!("{}.in.{partition}.{group}", self.prefix)
    }

    /// Partition and group named by a subject of the stream.
    pub(super) fn parse_message(&self, subject: &str) -> Option<(u32, GroupId)> {
        let rest = subject.strip_prefix(&self.prefix)?.strip_prefix(".in.")?;
        let (partition, group) = rest.split_once('.')?;
        Some((partition.parse().ok()?, GroupId::parse(group).ok()?))
    }

    pub(super) fn wake(&self) -> String {
        format!("{}.wake", self.prefix)
    }

    pub(super) fn ready(&self, runner: &RunnerId) -> String {
        format!("{}.runner.{}.ready", self.prefix, token(runner.as_str()))
    }

    pub(super) fn inbox(&self, runner: &RunnerId) -> String {
        format!("{}.runner.{}.inbox", self.prefix, token(runner.as_str()))
    }

    /// An inbox grew, and nobody knows whose: all runners hear it.
    pub(super) fn any_inbox(&self) -> String {
        format!("{}.inbox", self.prefix)
    }

    pub(super) fn group(&self, group: &GroupId) -> String {
        format!("{}.group.{group}", self.prefix)
    }

    pub(super) fn outbox(&self, channel: &str, account: &str) -> String {
        format!("{}.outbox.{}.{}", self.prefix, token(channel), token(account))
    }

    pub(super) fn working(&self) -> String {
        format!("{}.working", self.prefix)
    }

    pub(super) fn tasks(&self) -> String {
        format!("{}.tasks", self.prefix)
    }
}

/// Writes any text as one token: what is not a letter, digit, `-` or `_` becomes `=` and two hex digits. Two texts never
/// become the same token, and the empty text is `=`.
fn token(text: &str) -> String {
    if text.is_empty() {
        return "=".to_owned();
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            token.push(char::from(byte));
        } else {
            write!(token, "={byte:02x}").expect("writing to a String cannot fail");
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_one_token_of_its_own() {
        assert_eq!(token("host-1_a"), "host-1_a");
        assert_eq!(token("a.b *>\n=é"), "a=2eb=20=2a=3e=0a=3d=c3=a9");
        assert_eq!(token(""), "=");
    }

    #[test]
    fn a_message_subject_is_read_back() {
        let subjects = Subjects::new("clawhold");
        let group = GroupId::parse("family").unwrap();
        let subject = subjects.message(7, &group);
        assert_eq!(subject, "clawhold.in.7.family");
        assert_eq!(subjects.parse_message(&subject), Some((7, group)));
        for bad in [
            "clawhold.in.x.family",
            "clawhold.in.7.a.b",
            "other.in.7.family",
            "clawhold.in.7.global",
        ] {
            assert_eq!(subjects.parse_message(bad), None, "{bad}");
        }
    }
}
