//! What agents and operators ask for, and what they are told: MCP-03, MCP-07 and the defects that do not exist here.

use chrono_tz::Tz;

use super::{at, schedule};
use crate::ids::{ChatId, GroupId};
use crate::schedule::ScheduleKind;
use crate::task::{Asker, InvalidTask, PROMPT_BYTES_MAX, PROMPT_SHOWN_MAX, Task, TaskFields, TaskId, TaskSpec};
use crate::time::Timestamp;

fn now() -> Timestamp {
    at("2026-03-14T10:00:00Z")
}

fn fields(kind: &str, value: &str) -> TaskFields {
    TaskFields {
        prompt: Some("Post the weather.".to_owned()),
        schedule_type: Some(kind.to_owned()),
        schedule_value: Some(value.to_owned()),
        ..TaskFields::default()
    }
}

fn make(fields: &TaskFields) -> Result<TaskSpec, InvalidTask> {
    let group = GroupId::parse("family").unwrap();
    fields.new_spec(group, ChatId::new("tg:-1"), Tz::Europe__Berlin, now())
}

fn interval() -> TaskSpec {
    make(&fields("interval", "600000")).unwrap()
}

fn refusal(outcome: Result<TaskSpec, InvalidTask>) -> (Option<&'static str>, String) {
    let error = outcome.expect_err("must be refused");
    (error.field(), error.to_string())
}

#[test]
fn mcp_03_what_is_wrong_is_named_with_its_value() {
    for (kind, value, field, says) in [
        ("cron", "0 25 * * *", "schedule_value", "\"0 25 * * *\""),
        ("cron", "0 0 31 2 *", "schedule_value", "can never be due"),
        ("interval", "0", "schedule_value", "\"0\""),
        ("interval", "5", "schedule_value", "shorter than 10000 ms"),
        ("once", "tomorrow", "schedule_value", "\"tomorrow\""),
        ("once", "2026-03-14T10:59:59", "schedule_value", "already"),
        ("weekly", "monday", "schedule_type", "\"weekly\""),
    ] {
        let (at_field, text) = refusal(make(&fields(kind, value)));
        assert_eq!(at_field, Some(field), "{kind} {value}: {text}");
        assert!(text.contains(says), "{kind} {value}: {text}");
    }
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    let without = |change: fn(&mut TaskFields)| {
        let mut fields = fields("cron", "0 9 * * *");
        change(&mut fields);
        refusal(make(&fields)).0
    };
    assert_eq!(without(|f| f.prompt = None), Some("prompt"));
    assert_eq!(without(|f| f.prompt = Some("  ".into())), Some("prompt"));
    assert_eq!(
        without(|f| f.prompt = Some("x".repeat(PROMPT_BYTES_MAX + 1))),
        Some("prompt")
    );
    assert_eq!(without(|f| f.schedule_type = None), Some("schedule_type"));
    assert_eq!(without(|f| f.schedule_value = None), Some("schedule_value"));
    assert_eq!(without(|f| f.timezone = Some("CEST5".into())), Some("timezone"));
    assert_eq!(
        without(|f| f.check_script = Some("x".repeat(20_000))),
        Some("check_script")
    );
}

#[test]
fn sc_11_the_zone_is_the_tasks_own_else_the_default() {
    assert_eq!(interval().zone, Tz::Europe__Berlin);
    let own = TaskFields {
        timezone: Some("Asia/Tokyo".to_owned()),
        ..fields("once", "2026-03-14T19:30:00")
    };
    // Half past seven in the evening is still to come in Tokyo only if the zone is looked at.
    assert_eq!(make(&own).unwrap().zone, Tz::Asia__Tokyo);
    let utc = TaskFields {
        timezone: Some("UTC".to_owned()),
        ..fields("once", "2026-03-14T09:30:00")
    };
    assert_eq!(refusal(make(&utc)).0, Some("schedule_value"));
}

#[test]
fn mcp_d1_the_value_of_an_interval_may_change_alone() {
    let change = TaskFields {
        schedule_value: Some("900000".to_owned()),
        ..TaskFields::default()
    };
    let changed = change.change(&interval(), now()).unwrap();
    assert_eq!(changed.schedule, schedule(ScheduleKind::Interval, "900000"));
    assert_eq!(changed.prompt, interval().prompt, "what is not named stays");
}

#[test]
fn mcp_d2_a_changed_value_is_checked_as_the_kind_the_task_will_have() {
    let changed = |kind: Option<&str>, value: Option<&str>| {
        let change = TaskFields {
            schedule_type: kind.map(str::to_owned),
            schedule_value: value.map(str::to_owned),
            ..TaskFields::default()
        };
        change.change(&interval(), now())
    };
    for (kind, value) in [
        (None, Some("5min")),
        (None, Some("0 9 * * *")),
        (Some("once"), Some("600000")),
        (Some("once"), Some("2020-01-01T00:00:00")),
        (Some("cron"), Some("600000")),
        (Some("cron"), None),
        (Some("sometimes"), Some("600000")),
    ] {
        assert!(changed(kind, value).is_err(), "{kind:?} {value:?}");
    }
    assert!(changed(Some("cron"), Some("0 9 * * *")).is_ok());
    assert!(changed(Some("once"), Some("2026-03-14T12:00:00")).is_ok());
}

#[test]
fn a_change_that_names_nothing_is_refused_and_empty_words_clear() {
    assert_eq!(
        TaskFields::default().change(&interval(), now()),
        Err(InvalidTask::NoChange)
    );
    let checked = TaskFields {
        check_script: Some("exit 1".to_owned()),
        max_lateness_ms: Some(60_000),
        ..TaskFields::default()
    };
    let checked = checked.change(&interval(), now()).unwrap();
    assert!(checked.check_script.is_some() && checked.policy.max_lateness_ms.is_some());
    let cleared = TaskFields {
        check_script: Some(String::new()),
        max_lateness_ms: Some(0),
        ..TaskFields::default()
    };
    let cleared = cleared.change(&checked, now()).unwrap();
    assert!(cleared.check_script.is_none() && cleared.policy.max_lateness_ms.is_none());
}

#[test]
fn ipc_05_and_ipc_08_tasks_of_other_groups_are_mains_alone() {
    let (family, other) = (GroupId::parse("family").unwrap(), GroupId::parse("other").unwrap());
    let task = Task::made(TaskId::parse("t").unwrap(), interval(), now()).unwrap();
    let asker = |group, is_main| Asker { group, is_main };
    assert!(asker(&family, false).may_touch(&task));
    assert!(!asker(&other, false).may_touch(&task));
    assert!(asker(&other, true).may_touch(&task));
    assert_eq!(asker(&other, false).sees(), Some(&other));
    assert_eq!(asker(&other, true).sees(), None);
}

#[test]
fn mcp_05_a_list_shows_when_and_cuts_what_is_long() {
    let mut spec = interval();
    spec.prompt = "ä".repeat(PROMPT_SHOWN_MAX + 1);
    let task = Task::made(TaskId::parse("t").unwrap(), spec, now()).unwrap();
    let listed = task.listed_briefly();
    assert_eq!(listed.prompt.chars().count(), PROMPT_SHOWN_MAX + 1);
    assert!(listed.prompt.ends_with('…'));
    assert_eq!(listed.next_run.as_deref(), Some("2026-03-14T11:10:00+01:00"));
    assert_eq!(listed.schedule, "every 10m");
    assert_eq!(task.listed().prompt, task.spec.prompt);
    assert_eq!(task.paused().listed().next_run, None);
}
