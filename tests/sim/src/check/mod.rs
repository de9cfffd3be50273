//! The checker: reads the history and the rows at the end, and knows nothing of how they came about.

mod acting;
mod answers;
mod files;
mod leases;
mod order;
pub(crate) mod rows;
mod tasks;

use proto::ids::GroupId;

use crate::world::World;
use rows::Rows;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise.
    pub promise: &'static str,
    /// Whose.
    pub group: Option<GroupId>,
    /// What was seen.
    pub seen: String,
}

impl Violation {
    pub(crate) fn of(promise: &'static str, group: Option<&GroupId>, seen: impl std::fmt::Display) -> Self {
        Self {
            promise,
            group: group.cloned(),
            seen: seen.to_string(),
        }
    }
}

/// All broken promises of a run that is over.
pub(crate) fn check(world: &World) -> Vec<Violation> {
    let (events, rows) = (world.history.events(), Rows::read(world));
    let mut broken = Vec::new();
    broken.extend(rows.stuck(world));
    broken.extend(answers::check(&events, &rows));
    broken.extend(order::check(&events, &rows));
    broken.extend(acting::check(&events));
    broken.extend(leases::check(&events));
    broken.extend(tasks::check(&events, &rows));
    broken.extend(files::check(&events, world));
    broken
}
