//! A task as the operator sees it.

use proto::task::{ListedTask, Task, TaskState};
use proto::time::shown_in;

use super::super::wire::tasks::TaskView;

/// Next runs shown of one task: enough to see a week of days or the rhythm of a line.
const NEXT_RUNS: usize = 5;

/// In full.
pub(super) fn full(task: &Task) -> TaskView {
    view(task, task.listed(), NEXT_RUNS)
}

/// In a list.
pub(super) fn brief(task: &Task) -> TaskView {
    view(task, task.listed_briefly(), 1)
}

/// The next due instants as the clock in the task's zone shows them.
pub(super) fn next_runs(task: &Task, count: usize) -> Vec<String> {
    let first = task.next_due.filter(|_| task.state == TaskState::Active);
    std::iter::successors(first, |due| task.spec.schedule.following(task.spec.zone, *due))
        .take(count)
        .map(|due| shown_in(due, task.spec.zone))
        .collect()
}

fn view(task: &Task, listed: ListedTask, runs: usize) -> TaskView {
    TaskView {
        task: listed,
        policy: task.spec.policy,
        created_at: task.created_at,
        next_runs: next_runs(task, runs),
    }
}
