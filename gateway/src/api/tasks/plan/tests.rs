use proto::ids::{ChatId, GroupId};
use proto::task::TaskFields;

use super::*;

fn now() -> Timestamp {
    // 2026-03-14T10:00:00Z
    Timestamp::from_millis(1_773_482_400_000)
}

fn meant(kind: &str, value: &str) -> Meant {
    let fields = TaskFields {
        prompt: Some("Post the weather.".into()),
        schedule_type: Some(kind.into()),
        schedule_value: Some(value.into()),
        ..TaskFields::default()
    };
    let group = GroupId::parse("family").unwrap();
    Meant {
        name: TaskId::parse("weather").unwrap(),
        spec: fields.spec(group, ChatId::new("tg:-1"), chrono_tz::UTC).unwrap(),
        paused: None,
    }
}

fn daily() -> Meant {
    meant("cron", "0 9 * * *")
}

/// The task that a step writes.
fn written(step: Step) -> Task {
    match step.write {
        Some(Write::Put(task)) => *task,
        other => panic!("{other:?}"),
    }
}

fn known() -> Task {
    Task {
        version: 7,
        ..written(step(daily(), None, now()).unwrap())
    }
}

#[test]
fn a_task_that_is_not_there_is_added_and_again_nothing_is_done() {
    let first = step(daily(), None, now()).unwrap();
    assert_eq!(first.told.action, Action::Add);
    assert_eq!(first.told.next_runs[0], "2026-03-15T09:00:00Z");
    let again = step(daily(), Some(&written(first)), now()).unwrap();
    assert_eq!((again.told.action, again.write), (Action::Keep, None));
}

#[test]
fn what_differs_is_told_and_changed_under_the_version_that_was_read() {
    let mut other = meant("interval", "3600000");
    other.spec.prompt = "Post the tides.".into();
    let changed = step(other, Some(&known()), now()).unwrap();
    let fields: Vec<_> = changed
        .told
        .differences
        .iter()
        .map(|d| (&*d.field, &*d.from, &*d.to))
        .collect();
    assert_eq!(
        fields,
        [
            ("schedule", "0 9 * * *", "every 1h"),
            ("prompt", "Post the weather.", "Post the tides.")
        ]
    );
    assert_eq!(written(changed).version, 7);
}

#[test]
fn a_single_time_that_is_over_is_kept_where_it_was_kept_and_refused_where_it_is_new() {
    let once = || meant("once", "2026-03-14T11:00:00");
    let done = Task {
        state: TaskState::Done,
        next_due: None,
        ..written(step(once(), None, now()).unwrap())
    };
    let later = now() + std::time::Duration::from_secs(86_400);
    assert_eq!(step(once(), Some(&done), later).unwrap().told.action, Action::Keep);
    let refused = step(once(), None, later).err().unwrap();
    assert_eq!(refused.field(), Some("schedule_value"));
    assert!(refused.to_string().contains("choose a later time"), "{refused}");
}

#[test]
fn the_state_stays_unless_the_file_names_it() {
    let paused = known().paused();
    assert_eq!(step(daily(), Some(&paused), now()).unwrap().told.action, Action::Keep);
    let resumed = step(
        Meant {
            paused: Some(false),
            ..daily()
        },
        Some(&paused),
        now(),
    )
    .unwrap();
    assert_eq!(written(resumed).state, TaskState::Active);
    let stopped = step(
        Meant {
            paused: Some(true),
            ..daily()
        },
        Some(&known()),
        now(),
    )
    .unwrap();
    assert_eq!(stopped.told.differences[0].field, "state");
}

#[test]
fn a_task_of_another_group_is_not_taken() {
    let mut other = daily();
    other.spec.group = GroupId::parse("other").unwrap();
    let refused = step(other, Some(&known()), now()).err().unwrap();
    assert_eq!(refused.field(), Some("group"));
    assert!(refused.to_string().contains("family"), "{refused}");
}

#[test]
fn only_what_a_file_brought_leaves_with_it_and_only_when_told() {
    let named = |name: &str, origin| Task {
        id: TaskId::parse(name).unwrap(),
        ..known().by(origin)
    };
    let tasks = [
        named("of-agent", TaskOrigin::Agent),
        named("of-operator", TaskOrigin::Operator),
        named("weather", TaskOrigin::File),
        named("old", TaskOrigin::File),
    ];
    let declared = BTreeMap::from([(TaskId::parse("weather").unwrap(), 0)]);
    let told = |prune| {
        let steps = leftovers(&tasks, &declared, prune);
        let told = |step: Step| (step.told.name.to_string(), step.told.action, step.write.is_some());
        steps.into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(told(false), [("old".to_owned(), Action::Leave, false)]);
    assert_eq!(told(true), [("old".to_owned(), Action::Remove, true)]);
}

#[test]
fn a_task_that_a_file_takes_over_is_the_files_from_then_on() {
    let step = step(daily(), Some(&known().by(TaskOrigin::Operator)), now()).unwrap();
    assert_eq!(step.told.differences[0].field, "origin");
    assert_eq!(written(step).origin, TaskOrigin::File);
}
