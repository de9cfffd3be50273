//! Nothing accepted is lost, and nothing is said twice.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::GroupId;
use proto::turn::TurnState;

use super::Violation;
use super::rows::Rows;
use crate::history::Event;
use crate::sandbox::answered_keys;

pub(super) fn check(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let mut broken = lost(events, rows);
    broken.extend(answered_twice(rows));
    broken.extend(said_twice_in_a_turn(rows));
    broken.extend(told_twice(rows));
    broken.extend(shown_twice(events, rows));
    broken
}

/// Each message that calls the agent ends in an answer, a deliberate silence or a notice.
fn lost(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let mut ended: std::collections::BTreeSet<String> = rows.given_up.clone();
    ended.extend(rows.deliveries.iter().flat_map(|row| answered_keys(&row.text)));
    for (_, event) in events {
        if let Event::Silent { turn, keys } = event
            && rows.turns.get(turn) == Some(&TurnState::Committed)
        {
            ended.extend(keys.iter().cloned());
        }
    }
    let accepted = events.iter().filter_map(|(_, event)| match event {
        Event::Accepted {
            key,
            group,
            engages: true,
        } => Some((key, group)),
        _ => None,
    });
    accepted
        .filter(|(key, _)| !ended.contains(*key))
        .map(|(key, group)| {
            Violation::of(
                "nothing accepted is lost",
                Some(group),
                format_args!("{key} came to no end"),
            )
        })
        .collect()
}

fn answered_twice(rows: &Rows) -> Vec<Violation> {
    let mut answers: BTreeMap<String, (u32, &GroupId)> = BTreeMap::new();
    for row in &rows.deliveries {
        for key in answered_keys(&row.text) {
            answers.entry(key).or_insert((0, &row.group)).0 += 1;
        }
    }
    let twice = answers.into_iter().filter(|(_, (times, _))| *times > 1);
    twice
        .map(|(key, (times, group))| {
            Violation::of(
                "no message is answered twice",
                Some(group),
                format_args!("{key} has {times} answers"),
            )
        })
        .collect()
}

fn said_twice_in_a_turn(rows: &Rows) -> Vec<Violation> {
    let mut said = BTreeMap::new();
    for row in rows.deliveries.iter().filter(|row| row.turn.is_some()) {
        said.entry((row.turn, &row.chat, &row.text))
            .or_insert((0, &row.group))
            .0 += 1;
    }
    let twice = said.into_iter().filter(|(_, (times, _))| *times > 1);
    twice
        .map(|((_, chat, text), (times, group))| {
            Violation::of(
                "no turn says a thing twice",
                Some(group),
                format_args!("{times} rows say {text:?} in {chat}"),
            )
        })
        .collect()
}

fn told_twice(rows: &Rows) -> Vec<Violation> {
    let mut told = BTreeMap::new();
    for row in rows.deliveries.iter().filter(|row| row.text.starts_with("notice ")) {
        told.entry((&row.chat, &row.text)).or_insert((0, &row.group)).0 += 1;
    }
    let twice = told.into_iter().filter(|(_, (times, _))| *times > 1);
    twice
        .map(|((chat, text), (times, group))| {
            Violation::of(
                "no notice is told twice",
                Some(group),
                format_args!("{times} rows say {text:?} in {chat}"),
            )
        })
        .collect()
}

fn shown_twice(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let mut shown = BTreeMap::new();
    for (_, event) in events {
        if let Event::Shown { outbox, text, .. } = event {
            shown.entry(*outbox).or_insert((0, text)).0 += 1;
        }
    }
    let group = |outbox| {
        rows.deliveries
            .iter()
            .find(|row| row.id == outbox)
            .map(|row| &row.group)
    };
    let twice = shown.into_iter().filter(|(_, (times, _))| *times > 1);
    twice
        .map(|(outbox, (times, text))| {
            Violation::of(
                "no row is sent twice",
                group(outbox),
                format_args!("{text:?} was shown {times} times"),
            )
        })
        .collect()
}
