//! Never two holders of one lease who trust themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Violation;
use crate::history::Event;

pub(super) fn check(events: &[(Duration, Event)]) -> Vec<Violation> {
    // Per lease and holder: until when it trusts itself.
    let mut trusted: BTreeMap<&str, BTreeMap<&str, Duration>> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, event) in events {
        match event {
            Event::Holds { lease, holder, until } => {
                let holders = trusted.entry(lease).or_default();
                holders.insert(holder, *until);
                let others: Vec<_> = holders
                    .iter()
                    .filter(|(other, until)| *other != holder && *until > at)
                    .collect();
                if until > at && !others.is_empty() {
                    let seen = format_args!("{lease} at {at:?}: {holder} and {others:?}");
                    broken.push(Violation::of("never two trusted holders", None, seen));
                }
            }
            Event::Died { seat } => {
                for holders in trusted.values_mut() {
                    holders.retain(|holder, _| !holder.starts_with(&format!("{seat}/")));
                }
            }
            _ => {}
        }
    }
    broken
}
