//! Whether a group has something to do: the one definition that commit, release and every way of losing a group use.
//!
//! To be asked in a later statement than the one that locked the group: a message that arrived while that one waited is
//! not in its snapshot, and a group put to rest over it would never be claimed again.

use proto::claim::ReadyKind;
use proto::ids::{GroupId, InboxOrd};

use super::columns::get;
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Answer;

/// What a group has to do.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) found: bool,
    only_tasks: bool,
}

impl Work {
    /// For whom the group is ready: for a task only if nobody else calls.
    pub(super) fn kind(self) -> ReadyKind {
        if self.found && self.only_tasks {
            ReadyKind::Task
        } else {
            ReadyKind::Interactive
        }
    }
}

/// Whether a message that engages the agent lies after `cursor`.
pub(super) fn engaging_after(group: &GroupId, cursor: InboxOrd) -> Statement<'_> {
    statement!(
        "
        SELECT EXISTS (SELECT 1 FROM messages WHERE group_id = $1 AND ord > $2 AND engages) AS found,
            NOT EXISTS (SELECT 1 FROM messages WHERE group_id = $1 AND ord > $2 AND engages AND task IS NULL) AS only_tasks
        ",
        group,
        cursor,
    )
}

/// Whether the group must be claimed again: something engages the agent after its cursor, or a turn was opened and not
/// closed.
pub(super) fn has_work(group: &GroupId) -> Statement<'_> {
    statement!(
        "
        SELECT EXISTS (SELECT 1 FROM turns WHERE group_id = $1 AND state = 'open')
            OR EXISTS (
                SELECT 1 FROM messages
                WHERE group_id = $1 AND ord > (SELECT cursor_ord FROM groups WHERE id = $1) AND engages
            ) AS found,
            NOT EXISTS (
                SELECT 1 FROM messages
                WHERE group_id = $1 AND ord > (SELECT cursor_ord FROM groups WHERE id = $1) AND engages AND task IS NULL
            ) AS only_tasks
        ",
        group,
    )
}

/// What either of them found.
pub(super) fn read(answer: &Answer) -> Result<Work> {
    Ok(Work {
        found: found(answer)?,
        only_tasks: get(answer.one()?, "only_tasks")?,
    })
}

/// Whether there is any.
pub(super) fn found(answer: &Answer) -> Result<bool> {
    get(answer.one()?, "found")
}
