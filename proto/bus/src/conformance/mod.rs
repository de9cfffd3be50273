//! What every bus must do, run on each of them: the suite is the meaning of the ports.

pub(crate) mod hints;
pub(crate) mod log;

use std::time::Duration;

use proto::ids::{ChatId, GroupId};
use proto::inbound::{Details, Envelope};
use proto::time::Timestamp;

/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

/// A message with this text; its dedup key is the group and the text.
pub(crate) fn message(group: &GroupId, text: &str) -> Envelope {
    Envelope {
        dedup_key: format!("test:bot:{group}/{text}"),
        group: group.clone(),
        chat: ChatId::new(format!("test:{group}")),
        sender: "ada".into(),
        sender_name: "Ada".into(),
        text: text.into(),
        sent_at: Timestamp::from_millis(1_800_000_000_000),
        engages: true,
        trace: None,
        task: None,
        details: Details::default(),
    }
}

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen in {SOON:?}"),
    }
}
