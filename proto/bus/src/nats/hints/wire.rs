//! How a hint travels: a small versioned JSON object, on the subjects of those it concerns.

use proto::ids::{ChatId, GroupId, OutboxId, RunnerId};
use proto::ipc::Progress;
use serde::{Deserialize, Serialize};

use crate::nats::subjects::{FULL_RUNNERS, RUNNERS, Subjects};
use crate::{Hint, Interest, Room};

/// Version written. A hint of another version is ignored: sweeps find what it meant.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    #[serde(flatten)]
    hint: WireHint,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "hint", rename_all = "snake_case")]
enum WireHint {
    Ready {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        runner: Option<RunnerId>,
    },
    Inbox {
        group: GroupId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<RunnerId>,
        // One who does not say so may mean a call.
        #[serde(default = "yes")]
        engages: bool,
    },
    Stop {
        group: GroupId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<RunnerId>,
    },
    Outbox {
        channel: String,
        account: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<(OutboxId, ChatId)>,
    },
    Working {
        group: GroupId,
        chat: ChatId,
        on: bool,
    },
    Progress {
        group: GroupId,
        progress: Progress,
    },
    Tasks,
}

fn yes() -> bool {
    true
}

/// A subject, and the queue group in which it is heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) subject: String,
    pub(super) queue: Option<&'static str>,
}

pub(super) fn encode(hint: Hint) -> Result<Vec<u8>, serde_json::Error> {
    let hint = match hint {
        Hint::Ready { runner } => WireHint::Ready { runner },
        Hint::Inbox { group, owner, engages } => WireHint::Inbox { group, owner, engages },
        Hint::Stop { group, owner } => WireHint::Stop { group, owner },
        Hint::Outbox { channel, account, row } => WireHint::Outbox { channel, account, row },
        Hint::Working { group, chat, on } => WireHint::Working { group, chat, on },
        Hint::Progress { group, progress } => WireHint::Progress { group, progress },
        Hint::Tasks => WireHint::Tasks,
    };
    serde_json::to_vec(&Wire { version: VERSION, hint })
}

pub(super) fn decode(payload: &[u8]) -> Result<Hint, String> {
    let wire: Wire = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if wire.version != VERSION {
        return Err(format!("version {} is not known here", wire.version));
    }
    Ok(match wire.hint {
        WireHint::Ready { runner } => Hint::Ready { runner },
        WireHint::Inbox { group, owner, engages } => Hint::Inbox { group, owner, engages },
        WireHint::Stop { group, owner } => Hint::Stop { group, owner },
        WireHint::Outbox { channel, account, row } => Hint::Outbox { channel, account, row },
        WireHint::Working { group, chat, on } => Hint::Working { group, chat, on },
        WireHint::Progress { group, progress } => Hint::Progress { group, progress },
        WireHint::Tasks => Hint::Tasks,
    })
}

/// Where a hint is published: once for whoever acts on it, once for whoever watches the group.
pub(super) fn published(subjects: &Subjects, hint: &Hint) -> Vec<String> {
    match hint {
        Hint::Ready { runner: None } => vec![subjects.wake()],
        Hint::Ready { runner: Some(runner) } => vec![subjects.ready(runner)],
        Hint::Inbox { group, owner, .. } => {
            let acting = owner
                .as_ref()
                .map_or_else(|| subjects.any_inbox(), |owner| subjects.inbox(owner));
            vec![acting, subjects.group(group)]
        }
        // A runner hears it where it hears of its inboxes.
        Hint::Stop { owner, .. } => vec![match owner {
            Some(owner) => subjects.inbox(owner),
            None => subjects.any_inbox(),
        }],
        Hint::Outbox { channel, account, .. } => vec![subjects.outbox(channel, account)],
        Hint::Working { group, .. } => vec![subjects.working(), subjects.group(group)],
        Hint::Progress { group, .. } => vec![subjects.group(group)],
        Hint::Tasks => vec![subjects.tasks()],
    }
}

/// Where an interest is heard; what is published for it arrives on one of these.
pub(super) fn heard(subjects: &Subjects, interest: &Interest) -> Vec<Heard> {
    let plain = |subject| Heard { subject, queue: None };
    match interest {
        Interest::Runner(runner) => vec![
            plain(subjects.ready(runner)),
            plain(subjects.inbox(runner)),
            plain(subjects.any_inbox()),
        ],
        Interest::Ready(room) => vec![Heard {
            subject: subjects.wake(),
            queue: Some(match room {
                Room::Free => RUNNERS,
                Room::Idle => FULL_RUNNERS,
            }),
        }],
        Interest::Outbox { channel, account } => vec![plain(subjects.outbox(channel, account))],
        Interest::Group(group) => vec![plain(subjects.group(group))],
        Interest::Working => vec![plain(subjects.working())],
        Interest::Tasks => vec![plain(subjects.tasks())],
    }
}

#[cfg(test)]
mod tests {
    use proto::ipc::ProgressKind;

    use super::*;

    fn hints() -> Vec<Hint> {
        let group = GroupId::parse("family").unwrap();
        let runner = RunnerId::new("host.1");
        vec![
            Hint::Ready { runner: None },
            Hint::Ready {
                runner: Some(runner.clone()),
            },
            Hint::Inbox {
                group: group.clone(),
                owner: Some(runner),
                engages: true,
            },
            Hint::Inbox {
                group: group.clone(),
                owner: None,
                engages: false,
            },
            Hint::Outbox {
                channel: "telegram".into(),
                account: "bot 1".into(),
                row: None,
            },
            Hint::Outbox {
                channel: "telegram".into(),
                account: "bot 1".into(),
                row: Some((
                    "00000000-0000-0000-0000-000000000007".parse().unwrap(),
                    ChatId::new("test:1"),
                )),
            },
            Hint::Working {
                group: group.clone(),
                chat: ChatId::new("test:1"),
                on: true,
            },
            Hint::Progress {
                group,
                progress: Progress {
                    kind: ProgressKind::Text,
                    text: "hi".into(),
                },
            },
            Hint::Tasks,
        ]
    }

    #[test]
    fn every_hint_comes_back_as_it_was_and_as_the_golden_lines_say() {
        let golden: Vec<_> = include_str!("../../../../fixtures/bus/hints.jsonl").lines().collect();
        assert_eq!(golden.len(), hints().len());
        for (hint, line) in hints().into_iter().zip(golden) {
            assert_eq!(decode(line.as_bytes()), Ok(hint.clone()));
            assert_eq!(String::from_utf8(encode(hint).unwrap()).unwrap(), line);
        }
    }

    #[test]
    fn an_inbox_that_does_not_say_by_what_it_grew_calls() {
        let hint = decode(br#"{"version":1,"hint":"inbox","group":"family"}"#);
        assert!(matches!(hint, Ok(Hint::Inbox { engages: true, .. })), "{hint:?}");
    }

    #[test]
    fn a_hint_is_heard_exactly_where_somebody_is_interested() {
        let subjects = Subjects::new("clawhold");
        let group = GroupId::parse("family").unwrap();
        let interests = [
            Interest::Runner(RunnerId::new("host.1")),
            Interest::Runner(RunnerId::new("other")),
            Interest::Ready(Room::Free),
            Interest::Ready(Room::Idle),
            Interest::Outbox {
                channel: "telegram".into(),
                account: "bot 1".into(),
            },
            Interest::Group(group),
            Interest::Working,
            Interest::Tasks,
        ];
        for interest in &interests {
            let heard: Vec<_> = heard(&subjects, interest)
                .into_iter()
                .map(|heard| heard.subject)
                .collect();
            for hint in hints() {
                let arrives = published(&subjects, &hint)
                    .iter()
                    .filter(|subject| heard.contains(subject))
                    .count();
                assert_eq!(arrives, usize::from(interest.covers(&hint)), "{interest:?} {hint:?}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "",
            "{}",
            r#"{"version":2,"hint":"tasks"}"#,
            r#"{"version":1,"hint":"other"}"#,
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
