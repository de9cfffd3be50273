//! Files follow their group: what a committed turn left is found by whoever goes on, and stays readable.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::{Epoch, GroupId};

use super::{Violation, rows};
use crate::history::Event;
use crate::sandbox::{Tree, file_for};
use crate::world::World;

pub(super) fn check(events: &[(Duration, Event)], world: &World) -> Vec<Violation> {
    if !world.plan.files {
        return Vec::new();
    }
    let mut broken = old_files(events);
    broken.extend(missed_blobs(events));
    broken.extend(unreadable(world));
    broken
}

/// Each file is at least as new as what was committed before. Owners of before the newest commit may see what they like:
/// nothing of theirs counts any more.
fn old_files(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut written: BTreeMap<(&GroupId, Epoch), Vec<i64>> = BTreeMap::new();
    let mut committed: BTreeMap<&GroupId, (Epoch, Tree)> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, event) in events {
        match event {
            Event::Wrote { group, epoch, ord } => written.entry((group, *epoch)).or_default().push(*ord),
            Event::Committed { group, epoch, through } => {
                let (newest, tree) = committed.entry(group).or_default();
                *newest = *epoch;
                let of_turn = written.entry((group, *epoch)).or_default();
                of_turn.retain(|ord| {
                    let covered = *ord <= through.0;
                    if covered {
                        tree.insert(file_for(*ord), *ord);
                    }
                    !covered
                });
            }
            Event::Found { group, epoch, files } => {
                let Some((newest, tree)) = committed.get(group) else {
                    continue;
                };
                let lost = tree
                    .iter()
                    .find(|(name, ord)| files.get(*name).is_none_or(|found| found < ord));
                if let Some((name, ord)) = lost.filter(|_| epoch >= newest) {
                    let found = files.get(name);
                    let seen = format_args!("{name} of {ord} is {found:?} in epoch {epoch} at {at:?}");
                    broken.push(Violation::of(
                        "committed files are found by the next owner",
                        Some(group),
                        seen,
                    ));
                }
            }
            _ => {}
        }
    }
    broken
}

fn missed_blobs(events: &[(Duration, Event)]) -> Vec<Violation> {
    let missed = |(at, event): &(Duration, Event)| match event {
        Event::BlobMissed { group, blob } => {
            let seen = format_args!("{blob} at {at:?}");
            Some(Violation::of(
                "no blob of a committed snapshot is missed",
                Some(group),
                seen,
            ))
        }
        _ => None,
    };
    events.iter().filter_map(missed).collect()
}

fn unreadable(world: &World) -> Vec<Violation> {
    let mut broken = Vec::new();
    for group in rows::groups(world) {
        for (blob, _) in world.blobs.needed(&group).into_iter().filter(|(_, is_there)| !is_there) {
            let seen = format_args!("{blob} is not there in the end");
            broken.push(Violation::of(
                "no blob of a committed snapshot is missed",
                Some(&group),
                seen,
            ));
        }
    }
    broken
}
