//! The order of each chat is kept, both ways, and the cursor moves forward only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::ids::{ChatId, GroupId, OutboxId};

use super::Violation;
use super::rows::Rows;
use crate::history::Event;

pub(super) fn check(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let mut broken = out_of_order_out(events, rows);
    broken.extend(out_of_order_in(events));
    broken.extend(cursor_moved_back(events));
    broken
}

fn out_of_order_out(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let seq: BTreeMap<OutboxId, (i64, &GroupId)> = rows
        .deliveries
        .iter()
        .map(|row| (row.id, (row.seq, &row.group)))
        .collect();
    let mut newest: BTreeMap<&ChatId, i64> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, event) in events {
        if let Event::Shown { chat, outbox, text } = event
            && let Some((seq, group)) = seq.get(outbox)
        {
            let newest = newest.entry(chat).or_default();
            if *seq < *newest {
                let seen = format_args!("{text:?}, {seq} in {chat}, was shown after {newest} at {at:?}");
                broken.push(Violation::of("replies keep their order", Some(group), seen));
            }
            *newest = (*newest).max(*seq);
        }
    }
    broken
}

/// An agent that sees a message of a chat for the first time has seen all that were written before it.
fn out_of_order_in(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut newest: BTreeMap<(&GroupId, &str), u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let mut broken = Vec::new();
    for (_, event) in events {
        let Event::Saw { group, keys, .. } = event else {
            continue;
        };
        // Firings are looked at on their own.
        let messages = keys.iter().filter(|key| !key.starts_with("task:"));
        for key in messages.filter(|key| known.insert((*key).clone())) {
            let Some((channel, number)) = key.rsplit_once(':') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            let newest = newest.entry((group, channel)).or_default();
            if number < *newest {
                let seen = format_args!("{key} was first seen after {newest}");
                broken.push(Violation::of("messages keep their order", Some(group), seen));
            }
            *newest = (*newest).max(number);
        }
    }
    broken
}

fn cursor_moved_back(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut readings = Vec::new();
    for (at, event) in events {
        if let Event::Began { group, epoch, cursor } = event {
            readings.push((group, *epoch, *at, *cursor));
        }
    }
    readings.sort();
    let back = readings
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0 && pair[0].3 > pair[1].3);
    back.map(|pair| {
        let seen = format_args!("from {} to {} in epoch {}", pair[0].3, pair[1].3, pair[1].1);
        Violation::of("the cursor only moves forward", Some(pair[1].0), seen)
    })
    .collect()
}
