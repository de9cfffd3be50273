//! What must hold once a fleet is quiet again, whatever was done to it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::{Call, Fleet, Spoken};

/// Checks everything; the fleet has come to rest.
///
/// # Panics
/// With every promise that was broken.
pub async fn check(fleet: &Fleet) {
    let mut broken = Vec::new();
    broken.extend(answered_once_and_in_order(fleet));
    broken.extend(early_messages_said_once(&fleet.platform.spoken()));
    broken.extend(never_two_sandboxes(&fleet.model.calls()));
    broken.extend(unsettled(fleet).await);
    assert!(
        broken.is_empty(),
        "{} promises broken:\n{}\n{}",
        broken.len(),
        broken.join("\n"),
        fleet.logs()
    );
}

/// What the tables leave open. The end of the last send is recorded a moment after the platform has seen it.
async fn unsettled(fleet: &Fleet) -> Vec<String> {
    let (tables, begin) = (super::Tables::connect(fleet).await, Instant::now());
    loop {
        let open = tables.unsettled().await;
        if open.is_empty() || begin.elapsed() > Duration::from_secs(5) {
            return open;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every message that was taken is answered by exactly one reply, and answers come in the order of the questions.
fn answered_once_and_in_order(fleet: &Fleet) -> Vec<String> {
    let mut broken = Vec::new();
    let mut expected: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (number, (room, _)) in fleet.platform.accepted() {
        expected.entry(room).or_default().push(number);
    }
    let mut answered: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for spoken in fleet.platform.spoken() {
        answered.entry(spoken.room).or_default().extend(spoken.answers());
    }
    for (room, expected) in expected {
        let answered = answered.remove(&room).unwrap_or_default();
        if answered != expected {
            broken.push(difference(room, &expected, &answered));
        }
    }
    broken
}

fn difference(room: usize, expected: &[u64], answered: &[u64]) -> String {
    let mut times: HashMap<u64, usize> = HashMap::new();
    for number in answered {
        *times.entry(*number).or_default() += 1;
    }
    let lost: Vec<_> = expected.iter().filter(|number| !times.contains_key(number)).collect();
    let doubled: Vec<_> = times
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(number, _)| number)
        .collect();
    format!(
        "room {room}: lost {lost:?}, answered twice {doubled:?}, in order: {}",
        answered.is_sorted()
    )
}

/// An early message names what it is about, so the same words twice in a room are the same message twice.
fn early_messages_said_once(spoken: &[Spoken]) -> Vec<String> {
    let mut times: HashMap<(usize, &str), usize> = HashMap::new();
    for early in spoken.iter().filter(|spoken| spoken.text.starts_with("working on ")) {
        *times.entry((early.room, early.text.as_str())).or_default() += 1;
    }
    let twice = times.into_iter().filter(|(_, times)| *times > 1);
    twice
        .map(|((room, text), times)| format!("room {room}: said {times} times: {text}"))
        .collect()
}

/// Of two sandboxes of one group, the older one is never seen to begin anything once the newer one has begun. What it had
/// asked of the model before may still be under way: its answer meets a proxy that is closed.
fn never_two_sandboxes(calls: &[Call]) -> Vec<String> {
    let mut newest: BTreeMap<&str, &Call> = BTreeMap::new();
    let mut broken = Vec::new();
    for call in calls {
        let before = newest.entry(&call.group).or_insert(call);
        if call.epoch < before.epoch {
            broken.push(format!(
                "{}: {} acts after {} has",
                call.group, call.sandbox, before.sandbox
            ));
        } else {
            *before = call;
        }
    }
    broken
}
