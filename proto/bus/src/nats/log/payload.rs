//! A message of the stream: the envelope as versioned JSON, and what is wrong with one that cannot be read.

use proto::inbound::Envelope;
use proto::ingest::{Malformed, partition_of};
use serde::{Deserialize, Serialize};

use crate::nats::subjects::Subjects;

/// Version written. Fields may be added to the envelope under the same version, since readers skip what they do not know. A
/// change that old readers would misread gets the next version, and is written only once every reader knows it.
const VERSION: u32 = 1;
/// What is kept of an unreadable message, in characters: enough to see where it came from.
const EXCERPT_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct Outgoing<'a> {
    version: u32,
    envelope: &'a Envelope,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Deserialize)]
struct Incoming {
    envelope: Envelope,
}

pub(in crate::nats) fn encode(envelope: &Envelope) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Outgoing {
        version: VERSION,
        envelope,
    })
}

/// Reads a message found under this subject, in the partition that is being read.
pub(super) fn decode(
    subjects: &Subjects,
    partition: u32,
    subject: &str,
    payload: &[u8],
) -> Result<Envelope, Malformed> {
    read(subjects, partition, subject, payload).map_err(|reason| Malformed {
        subject: subject.to_owned(),
        reason,
        excerpt: String::from_utf8_lossy(payload)
            .chars()
            .take(EXCERPT_CHARS_MAX)
            .collect(),
    })
}

fn read(subjects: &Subjects, partition: u32, subject: &str, payload: &[u8]) -> Result<Envelope, String> {
    let Some((named, group)) = subjects.parse_message(subject) else {
        return Err("the subject names no partition and group".to_owned());
    };
    let versioned: Versioned =
        serde_json::from_slice(payload).map_err(|error| format!("no message of ours: {error}"))?;
    if versioned.version != VERSION {
        return Err(format!("version {} of a message is not known here", versioned.version));
    }
    let message: Incoming = serde_json::from_slice(payload).map_err(|error| format!("no envelope: {error}"))?;
    let envelope = message.envelope;
    if envelope.group != group {
        return Err(format!(
            "the envelope is for the group {}, not for that of its subject",
            envelope.group
        ));
    }
    // A message in another partition than the rest of its group has no place in the group's order.
    if named != partition || named != partition_of(&group) {
        return Err(format!(
            "the group {group} belongs to partition {}",
            partition_of(&group)
        ));
    }
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../../../fixtures/bus/message.json");

    fn subjects() -> Subjects {
        Subjects::new("clawhold")
    }

    fn reason(partition: u32, subject: &str, payload: &str) -> String {
        decode(&subjects(), partition, subject, payload.as_bytes())
            .unwrap_err()
            .reason
    }

    #[test]
    fn the_golden_message_is_read_and_written_as_it_is() {
        let envelope = decode(&subjects(), 7, "clawhold.in.7.family", GOLDEN.as_bytes()).unwrap();
        assert_eq!(envelope.dedup_key, "telegram:bot1:-100123/42");
        assert!(envelope.engages && envelope.trace.is_some());
        let written: serde_json::Value = serde_json::from_slice(&encode(&envelope).unwrap()).unwrap();
        let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!(written, golden);
    }

    #[test]
    fn fields_of_a_later_release_are_skipped() {
        let extended = GOLDEN.replacen(
            "\"envelope\": {",
            "\"later\": 1, \"envelope\": { \"much_later\": [1],",
            1,
        );
        assert_ne!(extended, GOLDEN);
        assert!(decode(&subjects(), 7, "clawhold.in.7.family", extended.as_bytes()).is_ok());
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(reason(7, "clawhold.in.7.family", "{").starts_with("no message of ours"));
        assert!(reason(7, "clawhold.in.7.family", r#"{"version":9}"#).contains("version 9"));
        assert!(reason(7, "clawhold.in.7.family", r#"{"version":1}"#).starts_with("no envelope"));
        assert!(reason(3, "clawhold.in.3.main", GOLDEN).contains("for the group family"));
        assert!(reason(5, "clawhold.in.5.family", GOLDEN).contains("partition 7"));
        assert!(reason(7, "clawhold.in.x.family", GOLDEN).contains("names no partition"));
    }

    #[test]
    fn only_the_beginning_of_an_unreadable_message_is_kept() {
        let long = "ä".repeat(5_000);
        let malformed = decode(&subjects(), 7, "clawhold.in.7.family", long.as_bytes()).unwrap_err();
        assert_eq!(malformed.excerpt.chars().count(), EXCERPT_CHARS_MAX);
    }
}
