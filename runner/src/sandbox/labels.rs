//! Who a sandbox belongs to, written on the sandbox itself: what is left after a crash is found and judged by it.

use std::collections::HashMap;

use proto::ids::{Epoch, GroupId, Incarnation, RunnerId};

/// Names of the labels.
pub mod label {
    /// Which install the sandbox belongs to; nothing without ours is ever touched.
    pub const INSTALL: &str = "dev.clawhold.install";
    /// Runner that started it.
    pub const RUNNER: &str = "dev.clawhold.runner";
    /// Life of that runner.
    pub const INCARNATION: &str = "dev.clawhold.incarnation";
    /// Group it serves.
    pub const GROUP: &str = "dev.clawhold.group";
    /// Claim it was started under.
    pub const EPOCH: &str = "dev.clawhold.epoch";
}

/// The labels of one sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SandboxLabels {
    /// Install, see [`label::INSTALL`].
    pub install: String,
    /// Runner that started it.
    pub runner: RunnerId,
    /// Life of that runner.
    pub incarnation: Incarnation,
    /// Group it serves.
    pub group: GroupId,
    /// Claim it was started under: `(group, epoch)` is the fence.
    pub epoch: Epoch,
}

/// Why labels found on a sandbox are not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label {label} is missing or malformed")]
pub struct InvalidLabels {
    /// The first label that is wrong.
    pub label: &'static str,
}

impl SandboxLabels {
    /// Name of the sandbox. The epoch makes it unique: a second start under one claim meets the engine's name conflict.
    pub fn sandbox_name(&self) -> String {
        let Self {
            install,
            group,
            incarnation,
            epoch,
            ..
        } = self;
        format!("clawhold-{install}-{group}-i{incarnation}-e{epoch}")
    }

    /// As pairs, for the engine.
    pub fn to_map(&self) -> HashMap<String, String> {
        HashMap::from([
            (label::INSTALL.to_owned(), self.install.clone()),
            (label::RUNNER.to_owned(), self.runner.to_string()),
            (label::INCARNATION.to_owned(), self.incarnation.to_string()),
            (label::GROUP.to_owned(), self.group.to_string()),
            (label::EPOCH.to_owned(), self.epoch.to_string()),
        ])
    }

    /// Reads them back.
    ///
    /// # Errors
    /// [`InvalidLabels`] names the first one that is missing or malformed.
    pub fn from_map(map: &HashMap<String, String>) -> Result<Self, InvalidLabels> {
        let text = |label: &'static str| map.get(label).ok_or(InvalidLabels { label });
        let number = |label: &'static str| text(label)?.parse::<i64>().map_err(|_| InvalidLabels { label });
        Ok(Self {
            install: text(label::INSTALL)?.clone(),
            runner: RunnerId::new(text(label::RUNNER)?.as_str()),
            incarnation: Incarnation(number(label::INCARNATION)?),
            group: GroupId::parse(text(label::GROUP)?).map_err(|_| InvalidLabels { label: label::GROUP })?,
            epoch: Epoch(number(label::EPOCH)?),
        })
    }
}
