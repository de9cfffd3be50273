//! NanoClaw's table of what becomes of a task, line by line where it can be said without rows.

use std::time::Duration;

use chrono_tz::Tz;

use super::at;
use crate::ids::{ChatId, GroupId};
use crate::task::{ContextMode, InvalidTask, Task, TaskFields, TaskId, TaskSpec, TaskState};
use crate::time::Timestamp;

fn now() -> Timestamp {
    at("2026-03-14T10:00:00Z")
}

fn spec(kind: &str, value: &str) -> Result<TaskSpec, InvalidTask> {
    let fields = TaskFields {
        prompt: Some("x".to_owned()),
        schedule_type: Some(kind.to_owned()),
        schedule_value: Some(value.to_owned()),
        ..TaskFields::default()
    };
    let group = GroupId::parse("family").unwrap();
    fields.new_spec(group, ChatId::new("tg:-1"), Tz::Europe__Berlin, now())
}

fn task(kind: &str, value: &str) -> Task {
    Task::made(TaskId::parse("t").unwrap(), spec(kind, value).unwrap(), now()).unwrap()
}

#[test]
fn ipc_06_the_first_run_is_the_next_time_in_the_zone_one_period_from_now_or_the_time_itself() {
    for (kind, value, due) in [
        ("cron", "0 9 * * *", "2026-03-15T08:00:00Z"),
        ("interval", "600000", "2026-03-14T10:10:00Z"),
        ("once", "2026-03-14T12:00:00", "2026-03-14T11:00:00Z"),
        ("once", "2026-03-14T12:00:00Z", "2026-03-14T12:00:00Z"),
    ] {
        assert_eq!(task(kind, value).next_due, Some(at(due)), "{kind} {value}");
    }
}

#[test]
fn ipc_07_any_word_but_group_means_isolated_and_no_word_means_group() {
    assert_eq!(ContextMode::from_agent(None), ContextMode::Group);
    assert_eq!(ContextMode::from_agent(Some("group")), ContextMode::Group);
    for other in ["isolated", "", "Group", "whatever"] {
        assert_eq!(ContextMode::from_agent(Some(other)), ContextMode::Isolated, "{other:?}");
    }
}

#[test]
fn mcp_04_an_id_that_nanoclaws_tool_chose_is_an_id_here() {
    let id = "task-1773482400000-a1b2c3";
    assert_eq!(TaskId::parse(id).unwrap().as_str(), id);
    for bad in ["", "a b", "../x", "a/b", "ä", &"x".repeat(65)] {
        let error = TaskId::parse(bad).unwrap_err().to_string();
        assert!(error.contains("list_tasks"), "{error}");
    }
}

#[test]
fn ipc_d3_a_kind_that_means_nothing_and_a_time_that_is_over_make_no_task() {
    assert!(matches!(spec("hourly", "1"), Err(InvalidTask::Schedule(_))));
    assert!(matches!(
        spec("once", "2026-03-14T09:00:00Z"),
        Err(InvalidTask::Schedule(_))
    ));
}

#[test]
fn ipc_09_and_ipc_d4_a_changed_schedule_counts_from_now_whatever_its_kind() {
    let later = now() + Duration::from_secs(3_600);
    let change = |kind: &str, value: &str| {
        let fields = TaskFields {
            schedule_type: Some(kind.to_owned()),
            schedule_value: Some(value.to_owned()),
            ..TaskFields::default()
        };
        let known = task("interval", "600000");
        let spec = fields.change(&known.spec, later)?;
        Ok::<_, InvalidTask>(known.with_spec(spec, later)?.next_due)
    };
    assert_eq!(
        change("once", "2026-03-14T14:00:00"),
        Ok(Some(at("2026-03-14T13:00:00Z")))
    );
    assert_eq!(change("interval", "900000"), Ok(Some(at("2026-03-14T11:15:00Z"))));
    assert_eq!(change("cron", "30 12 * * *"), Ok(Some(at("2026-03-14T11:30:00Z"))));
    assert!(change("cron", "0 99 * * *").is_err(), "the whole update is refused");
}

#[test]
fn sc_12_a_task_is_active_paused_or_completed() {
    let words = [TaskState::Active, TaskState::Paused, TaskState::Done].map(TaskState::as_nanoclaw);
    assert_eq!(words, ["active", "paused", "completed"]);
}

#[test]
fn sc_d6_rules_in_posix_form_are_refused_with_what_to_write_instead() {
    let fields = TaskFields {
        timezone: Some("CET-1CEST".to_owned()),
        ..TaskFields::default()
    };
    let refused = fields.change(&task("interval", "600000").spec, now()).unwrap_err();
    assert!(refused.to_string().contains("Europe/Berlin"), "{refused}");
}
