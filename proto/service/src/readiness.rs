//! Whether this process can do its work: named conditions, each ok or not for a stated reason.
//!
//! Invariant: ready means that every condition is ok; a condition that never reported is not. A part whose trouble does not
//! keep the rest from working ([`Readiness::part`]) is shown beside them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

/// Reason of a condition that has not reported yet.
const STARTING: &str = "starting";

/// All conditions of a process. Clones are the same set.
#[derive(Clone, Debug)]
pub struct Readiness {
    conditions: Arc<watch::Sender<BTreeMap<Cow<'static, str>, State>>>,
}

/// What is reported of one condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not as it should be; the process lives on and tries again.
    Degraded {
        /// What is wrong, for people.
        reason: String,
    },
    /// A part is not as it should be, and the rest works all the same.
    Impaired {
        /// What is wrong, for people.
        reason: String,
    },
}

/// Everything `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether all conditions are ok.
    pub ready: bool,
    /// The conditions by name.
    pub conditions: BTreeMap<Cow<'static, str>, State>,
}

/// The handle through which one part reports its own condition.
#[derive(Clone, Debug)]
pub struct Condition {
    name: Cow<'static, str>,
    is_part: bool,
    readiness: Readiness,
}

impl Readiness {
    /// Starts without conditions.
    pub fn new() -> Self {
        Self {
            conditions: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }

    /// Adds a condition, which is "starting" until it reports.
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition {
            name: Cow::Borrowed(name),
            is_part: false,
            readiness: self.clone(),
        };
        condition.degraded(STARTING);
        condition
    }

    /// Adds a part whose trouble is shown and does not make the process unready; it is ok until it reports.
    pub fn part(&self, name: String) -> Condition {
        let condition = Condition {
            name: Cow::Owned(name),
            is_part: true,
            readiness: self.clone(),
        };
        condition.ok();
        condition
    }

    /// What can be said now.
    pub fn report(&self) -> Report {
        let conditions = self.conditions.borrow().clone();
        Report {
            ready: all_ok(&conditions),
            conditions,
        }
    }

    /// Waits until all conditions are ok.
    pub async fn ready(&self) {
        // An error means that the sender is gone, which cannot be: `self` holds it.
        let _ = self.conditions.subscribe().wait_for(all_ok).await;
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Condition {
    /// Reports that all is well.
    pub fn ok(&self) {
        self.set(State::Ok);
    }

    /// Reports what is wrong. The reason is shown to whoever can reach `/readyz`: no secrets, no message texts.
    pub fn degraded(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.set(match self.is_part {
            true => State::Impaired { reason },
            false => State::Degraded { reason },
        });
    }

    fn set(&self, state: State) {
        self.readiness.conditions.send_if_modified(|conditions| {
            let changed = conditions.get(&self.name) != Some(&state);
            conditions.insert(self.name.clone(), state);
            changed
        });
    }
}

fn all_ok(conditions: &BTreeMap<Cow<'static, str>, State>) -> bool {
    conditions
        .values()
        .all(|state| !matches!(state, State::Degraded { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_reported_is_not_ready() {
        let readiness = Readiness::new();
        let store = readiness.condition("store");
        let _runtime = readiness.condition("runtime");
        store.ok();
        assert!(!readiness.report().ready);
    }

    #[test]
    fn readiness_returns_when_the_last_condition_recovers() {
        let readiness = Readiness::new();
        let store = readiness.condition("store");
        store.ok();
        assert!(readiness.report().ready);
        store.degraded("disk full");
        assert_eq!(
            serde_json::to_string(&readiness.report()).unwrap(),
            r#"{"ready":false,"conditions":{"store":{"state":"degraded","reason":"disk full"}}}"#
        );
        store.ok();
        assert!(readiness.report().ready);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_all_is_ok() {
        let readiness = Readiness::new();
        let store = readiness.condition("store");
        let ((), ()) = tokio::join!(readiness.ready(), async { store.ok() });
    }
}
