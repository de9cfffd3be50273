//! Every due instant of a task is dealt with once, as its policies say, and every firing comes to one end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::schedule::Schedule;
use proto::task::{RunOutcome, SKIP_TOLERANCE, Task, TaskId, TaskRun, TaskState};
use proto::time::Timestamp;

use super::Violation;
use super::rows::Rows;
use crate::exec::START;
use crate::history::{Event, Fired};
use crate::sandbox::{answered_keys, firing_key};
use crate::tasks::{GO_ON, Kind, PAUSE_AFTER, is_left_behind};

pub(super) fn check(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let closed: Vec<(Timestamp, &Task)> = events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Closed { task } => Some((START + *at, &**task)),
            _ => None,
        })
        .collect();
    let mut broken = fired_twice_or_back(events);
    broken.extend(against_policy(events));
    broken.extend(fired_at_rest(events));
    for (at, task) in closed {
        broken.extend(left_out(task, at, rows));
    }
    broken.extend(ends(events, rows));
    broken.extend(never_paused(rows));
    broken
}

fn violation(promise: &'static str, task: &TaskId, seen: impl std::fmt::Display) -> Violation {
    Violation::of(promise, None, format_args!("{task}: {seen}"))
}

fn fired(events: &[(Duration, Event)]) -> impl Iterator<Item = &Fired> {
    events.iter().filter_map(|(_, event)| match event {
        Event::Fired(fired) => Some(fired),
        _ => None,
    })
}

/// Firings of a task are made in the order of their due instants, so none is made twice.
fn fired_twice_or_back(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut newest: BTreeMap<&TaskId, Timestamp> = BTreeMap::new();
    let mut broken = Vec::new();
    for fired in fired(events) {
        for due in &fired.admitted {
            if newest.insert(&fired.task, *due).is_some_and(|before| before >= *due) {
                broken.push(violation("each due instant is fired once, in order", &fired.task, due));
            }
        }
    }
    broken
}

/// What a leader may fire, and beside what.
fn against_policy(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut made: BTreeMap<&TaskId, usize> = BTreeMap::new();
    let mut broken = Vec::new();
    for fired in fired(events) {
        let made = made.entry(&fired.task).or_default();
        let unfinished = made.saturating_sub(fired.ended);
        *made += fired.admitted.len();
        let kept = match Kind::of(&fired.task) {
            Some(Kind::Latest) => fired.admitted.len() + unfinished <= 1 || fired.admitted.is_empty(),
            Some(Kind::InTime) => fired.admitted.iter().all(|due| fired.at.since(*due) <= SKIP_TOLERANCE),
            Some(Kind::Each | Kind::Failing | Kind::Edited | Kind::Handled) | None => true,
        };
        if !kept {
            broken.push(violation("policies are kept", &fired.task, format_args!("{fired:?}")));
        }
    }
    broken
}

/// A task that somebody paused rests until it is resumed.
fn fired_at_rest(events: &[(Duration, Event)]) -> Vec<Violation> {
    let mut resting = BTreeSet::new();
    let mut broken = Vec::new();
    for (at, event) in events {
        match event {
            Event::Changed { task, state } if *state == TaskState::Active => drop(resting.remove(task)),
            Event::Changed { task, .. } => drop(resting.insert(task)),
            Event::Fired(fired) if resting.contains(&fired.task) => {
                broken.push(violation(
                    "a paused task rests",
                    &fired.task,
                    format_args!("fired at {at:?}"),
                ));
            }
            _ => {}
        }
    }
    broken
}

/// Each due instant until the end was fired, left out by the overlap policy, or passed over where the policy says so.
fn left_out(task: &Task, at: Timestamp, rows: &Rows) -> Vec<Violation> {
    const PROMISE: &str = "each due instant is dealt with once";
    let kind = Kind::of(&task.id);
    let (Some(next_due), false) = (task.next_due, matches!(kind, Some(Kind::Edited | Kind::Handled))) else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    if is_left_behind(task, at) {
        broken.push(violation(
            "due tasks are fired in time",
            &task.id,
            format_args!("{next_due} is due at {at}, {GO_ON:?} after the storm"),
        ));
    }
    let mut dealt_with: BTreeMap<Timestamp, u32> = BTreeMap::new();
    let mut after_missed = Vec::new();
    for run in rows.runs.iter().filter(|run| run.task == task.id) {
        let instants = instants(&task.spec.schedule, task, run.due_at);
        match missed(run) {
            0 => *dealt_with.entry(run.due_at).or_default() += 1,
            count => {
                let mut instants = instants;
                instants
                    .by_ref()
                    .take(count)
                    .for_each(|due| *dealt_with.entry(due).or_default() += 1);
                after_missed.extend(instants.next());
            }
        }
    }
    let due = instants_from_the_first(task).take_while(|due| *due < next_due);
    for due in due {
        let times = dealt_with.get(&due).copied().unwrap_or(0);
        if times != 1 {
            broken.push(violation(
                PROMISE,
                &task.id,
                format_args!("{due} was dealt with {times} times"),
            ));
        }
    }
    let was_missed = rows.runs.iter().any(|run| run.task == task.id && missed(run) > 0);
    if was_missed && matches!(kind, Some(Kind::Each | Kind::Failing)) {
        broken.push(violation("policies are kept", &task.id, "it missed an instant"));
    }
    if kind == Some(Kind::Latest) {
        let fired = |due: &Timestamp| {
            rows.runs
                .iter()
                .any(|run| run.task == task.id && run.due_at == *due && missed(run) == 0)
        };
        let unfired = after_missed.iter().filter(|due| !fired(due));
        broken
            .extend(unfired.map(|due| violation("policies are kept", &task.id, format_args!("{due} was the latest"))));
    }
    broken
}

fn instants<'t>(schedule: &'t Schedule, task: &'t Task, from: Timestamp) -> impl Iterator<Item = Timestamp> + 't {
    std::iter::successors(Some(from), |due| schedule.following(task.spec.zone, *due))
}

fn instants_from_the_first(task: &Task) -> impl Iterator<Item = Timestamp> + '_ {
    let first = task.spec.schedule.first_due(task.spec.zone, task.created_at);
    first
        .into_iter()
        .flat_map(|first| instants(&task.spec.schedule, task, first))
}

/// How many due instants a line of history says were passed over.
fn missed(run: &TaskRun) -> usize {
    if run.outcome != RunOutcome::Missed {
        return 0;
    }
    let words = run.error.as_deref().unwrap_or_default();
    words
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
}

/// Each firing has one end, and what the chat saw of it is that.
fn ends(events: &[(Duration, Event)], rows: &Rows) -> Vec<Violation> {
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for key in rows.deliveries.iter().flat_map(|row| answered_keys(&row.text)) {
        *answers.entry(key).or_default() += 1;
    }
    let ended: BTreeMap<(&TaskId, Timestamp), RunOutcome> = rows
        .runs
        .iter()
        .map(|run| ((&run.task, run.due_at), run.outcome))
        .collect();
    let mut broken = Vec::new();
    for (task, due) in fired(events).flat_map(|fired| fired.admitted.iter().map(|due| (&fired.task, *due))) {
        let key = firing_key(task, due);
        let answered = answers.get(&key).copied().unwrap_or(0);
        let outcome = ended.get(&(task, due)).copied();
        let fits = match outcome {
            Some(RunOutcome::Answered) => answered == 1,
            Some(RunOutcome::Silent | RunOutcome::Cancelled) => answered == 0,
            Some(RunOutcome::Failed) => answered == 0 && rows.given_up.contains(&key),
            Some(RunOutcome::NotWoken | RunOutcome::Skipped | RunOutcome::Missed) | None => false,
        };
        if !fits {
            let seen = format_args!("{due} ended as {outcome:?} with {answered} answers");
            broken.push(violation("each firing comes to one end", task, seen));
        }
    }
    broken
}

/// A task that fails again and again is paused after as many failures as it may have, and not before.
fn never_paused(rows: &Rows) -> Vec<Violation> {
    let mut broken = Vec::new();
    for task in rows
        .tasks
        .iter()
        .filter(|task| Kind::of(&task.id) == Some(Kind::Failing))
    {
        let failed = rows
            .runs
            .iter()
            .filter(|run| run.task == task.id && run.outcome == RunOutcome::Failed);
        let failed = u32::try_from(failed.count()).unwrap_or(u32::MAX);
        let kept = match task.state {
            TaskState::Paused => failed == PAUSE_AFTER,
            TaskState::Active | TaskState::Done => failed < PAUSE_AFTER,
        };
        if !kept {
            let seen = format_args!("{failed} failures, and it is {:?}", task.state);
            broken.push(violation("a task that keeps failing is paused", &task.id, seen));
        }
    }
    broken
}
