//! Who watches what becomes true in the rows, in the order in which it does: answers may be lost, this is not.

use proto::claim::Fence;
use proto::task::{FireReport, FireTask, Task};
use proto::time::Timestamp;
use proto::turn::TurnCommit;
use store::memory::MemoryStore;

/// Sees what was carried out.
pub(crate) trait Witness {
    /// A due task was dealt with, by a leader whose wall clock said `at`.
    fn fired(&self, rows: &MemoryStore, fire: &FireTask, report: &FireReport, at: Timestamp);
    /// A task was stored as somebody wants it.
    fn changed(&self, task: &Task);
    /// A turn committed.
    fn committed(&self, fence: &Fence, commit: &TurnCommit);
}
