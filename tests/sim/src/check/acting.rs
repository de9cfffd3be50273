//! Never two acting sandboxes for one group: neither towards the model, nor on one workspace; and none without its runner.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::{Epoch, GroupId};

use super::Violation;
use crate::history::Event;

pub(super) fn check(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut broken = two_reach_the_model(events);
    broken.extend(two_share_a_workspace(events));
    broken.extend(orphans(events));
    broken.extend(acting_though_fenced(events));
    broken
}

/// Once the sandbox of a claim has reached the model, no answer comes to the sandbox of an earlier one.
fn two_reach_the_model(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut thoughts: BTreeMap<&GroupId, Vec<(Epoch, Duration, Duration)>> = BTreeMap::new();
    for (at, event) in events {
        if let Event::Thought { group, epoch, from, .. } = event {
            thoughts.entry(group).or_default().push((*epoch, *from, *at));
        }
    }
    let mut broken = Vec::new();
    for (group, thoughts) in thoughts {
        let overlap = thoughts.iter().find_map(|(old, _, until)| {
            let newer = thoughts.iter().find(|(epoch, from, _)| epoch > old && from < until)?;
            Some((*old, *until, newer.0, newer.1))
        });
        if let Some((old, until, new, from)) = overlap {
            let seen = format_args!("epoch {old} until {until:?}, epoch {new} since {from:?}");
            broken.push(Violation::of("never two acting sandboxes", Some(group), seen));
        }
    }
    broken
}

fn two_share_a_workspace(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut running: BTreeMap<(&str, &GroupId), Vec<u64>> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, event) in events {
        if let Event::Runs {
            host,
            sandbox,
            group,
            on,
        } = event
        {
            let there = running.entry((host, group)).or_default();
            there.retain(|other| other != sandbox);
            if *on {
                there.push(*sandbox);
            }
            if there.len() > 1 {
                let seen = format_args!("sandboxes {there:?} on {host} at {at:?}");
                broken.push(Violation::of("never two sandboxes on one workspace", Some(group), seen));
            }
        }
    }
    broken
}

fn orphans(events: &[(Duration, Event)]) -> Vec<Violation> {
    let orphan = |(at, event): &(Duration, Event)| match event {
        Event::Orphan { group, sandbox } => {
            let seen = format_args!("sandbox {sandbox} at {at:?}");
            Some(Violation::of(
                "no sandbox outlives its runner for long",
                Some(group),
                seen,
            ))
        }
        _ => None,
    };
    events.iter().filter_map(orphan).collect()
}

/// A runner that was not heard of for too long must not act, even if nobody has taken its place yet.
fn acting_though_fenced(events: &[(Duration, Event)]) -> Vec<Violation> {
    let acting = |(at, event): &(Duration, Event)| match event {
        Event::Thought {
            group,
            epoch,
            fenced: true,
            ..
        } => {
            let seen = format_args!("epoch {epoch} at {at:?}");
            Some(Violation::of(
                "nothing passes the proxy of a fenced runner",
                Some(group),
                seen,
            ))
        }
        Event::RanFenced { group, sandbox } => {
            let seen = format_args!("sandbox {sandbox} at {at:?}");
            Some(Violation::of(
                "the sandboxes of a fenced runner stand still",
                Some(group),
                seen,
            ))
        }
        _ => None,
    };
    events.iter().filter_map(acting).collect()
}
