//! From a snapshot to the files: compare, fetch what is missing into a staging directory, then put it in place.
//!
//! Until everything that is missing was fetched and its digests were right, the group's files are not touched. Putting it in
//! place is renames only; a crash among them leaves no index, so the next restore compares everything again.

mod apply;
mod fetch;
mod plan;
mod stage;

pub(super) use apply::apply;
pub(super) use fetch::{fetch, fetch_manifest};
pub(super) use plan::{Plan, plan};
pub(super) use stage::Stage;
