//! What has to be done so that the tasks are as files declare them. Pure.
//!
//! Doing it again changes nothing: a task that is as declared is kept, also a single time that is over by now.

use std::collections::BTreeMap;

use proto::task::{FieldDifference, InvalidTask, Task, TaskId, TaskOrigin, TaskSpec, TaskState, differences};
use proto::time::Timestamp;

use super::super::wire::tasks::{Action, AppliedTask};
use super::view::next_runs;

/// Next runs shown of a task that changes.
const NEXT_RUNS: usize = 3;

/// A declared task, with its group, chat and zone found.
pub(super) struct Meant {
    pub(super) name: TaskId,
    pub(super) spec: TaskSpec,
    pub(super) paused: Option<bool>,
}

/// Something to do, and how it is told.
pub(super) struct Step {
    pub(super) told: AppliedTask,
    pub(super) write: Option<Write>,
}

/// A change of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Put(Box<Task>),
    Remove(TaskId),
}

/// Why a declared task cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Impossible {
    #[error(
        "task {name} belongs to group {group}: remove it there (`clawhold task cancel {name}`), or choose another name"
    )]
    OtherGroup { name: TaskId, group: String },
    #[error(transparent)]
    Invalid(#[from] InvalidTask),
}

impl Impossible {
    pub(super) fn field(&self) -> Option<&'static str> {
        match self {
            Self::OtherGroup { .. } => Some("group"),
            Self::Invalid(error) => error.field(),
        }
    }
}

/// What is to be done about a declared task, which may be there already.
pub(super) fn step(meant: Meant, known: Option<&Task>, now: Timestamp) -> Result<Step, Impossible> {
    let Some(known) = known else {
        return added(meant, now);
    };
    if known.spec.group != meant.spec.group {
        return Err(Impossible::OtherGroup {
            name: meant.name,
            group: known.spec.group.to_string(),
        });
    }
    let mut told = differences(&known.spec, &meant.spec);
    let changed = known.with_spec(meant.spec, now).map_err(InvalidTask::from)?;
    let changed = with_pause(changed, meant.paused, now).by(TaskOrigin::File);
    let (from, to) = (state_words(known), state_words(&changed));
    told.extend(FieldDifference::of("state", from, to));
    told.extend(FieldDifference::of(
        "origin",
        known.origin.as_str(),
        changed.origin.as_str(),
    ));
    Ok(if told.is_empty() {
        Step {
            told: telling(known, Action::Keep, told),
            write: None,
        }
    } else {
        Step {
            told: telling(&changed, Action::Change, told),
            write: Some(Write::Put(Box::new(changed))),
        }
    })
}

/// What is to be done about the tasks that files brought and none declares any more.
pub(super) fn leftovers<'a>(
    known: impl IntoIterator<Item = &'a Task>,
    declared: &BTreeMap<TaskId, usize>,
    prune: bool,
) -> Vec<Step> {
    let left = known.into_iter().filter(|task| {
        let undeclared = task.origin == TaskOrigin::File && !declared.contains_key(&task.id);
        // What is over goes by itself, with retention.
        undeclared && (prune || task.state != TaskState::Done)
    });
    left.map(|task| Step {
        told: telling(task, if prune { Action::Remove } else { Action::Leave }, Vec::new()),
        write: prune.then(|| Write::Remove(task.id.clone())),
    })
    .collect()
}

fn added(meant: Meant, now: Timestamp) -> Result<Step, Impossible> {
    let task = Task::made(meant.name, meant.spec, now).map_err(InvalidTask::from)?;
    let task = with_pause(task, meant.paused, now).by(TaskOrigin::File);
    let spec = &task.spec;
    let what = [
        FieldDifference::of("schedule", "", spec.schedule.to_string()),
        FieldDifference::of("timezone", "", spec.zone.name()),
        FieldDifference::of("chat", "", spec.chat.as_str()),
    ];
    Ok(Step {
        told: telling(&task, Action::Add, what.into_iter().flatten().collect()),
        write: Some(Write::Put(Box::new(task))),
    })
}

fn with_pause(task: Task, paused: Option<bool>, now: Timestamp) -> Task {
    match paused {
        Some(true) => task.paused(),
        Some(false) => task.resumed(now),
        None => task,
    }
}

fn state_words(task: &Task) -> &'static str {
    task.state.as_nanoclaw()
}

fn telling(task: &Task, action: Action, differences: Vec<FieldDifference>) -> AppliedTask {
    let runs = match action {
        Action::Add | Action::Change => next_runs(task, NEXT_RUNS),
        Action::Keep | Action::Remove | Action::Leave => Vec::new(),
    };
    AppliedTask {
        name: task.id.clone(),
        group: task.spec.group.clone(),
        action,
        differences,
        next_runs: runs,
    }
}

#[cfg(test)]
mod tests;
