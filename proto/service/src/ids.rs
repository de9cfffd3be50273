//! Fresh ids from the system, behind [`proto::ids::IdSource`]. The one place that draws them.

use proto::ids::IdSource;
use uuid::Uuid;

/// UUIDs version 7 from the system's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source that everybody else is given"
    )]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}
