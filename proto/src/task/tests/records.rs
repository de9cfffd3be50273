//! Tasks as they are stored, shown and sent.

use chrono_tz::Tz;
use serde_json::json;

use super::{at, schedule};
use crate::ids::{ChatId, GroupId};
use crate::schedule::ScheduleKind;
use crate::task::{
    ContextMode, Misfire, Overlap, RunOutcome, Task, TaskId, TaskOrigin, TaskPolicy, TaskSpec, TaskState, decide_resume,
};

fn spec() -> TaskSpec {
    TaskSpec {
        group: GroupId::parse("telegram_family").unwrap(),
        chat: ChatId::new("tg:-100123"),
        prompt: "Post the weather.".to_owned(),
        schedule: schedule(ScheduleKind::Cron, "0 9 * * *"),
        zone: Tz::Europe__Berlin,
        context_mode: ContextMode::Group,
        check_script: None,
        policy: TaskPolicy::default(),
    }
}

#[test]
fn a_task_survives_json_under_the_names_agents_know() {
    let text = serde_json::to_value(spec()).unwrap();
    assert_eq!(
        text,
        json!({
            "group": "telegram_family", "chat": "tg:-100123", "prompt": "Post the weather.",
            "schedule_type": "cron", "schedule_value": "0 9 * * *", "timezone": "Europe/Berlin",
            "context_mode": "group",
            "policy": {"misfire": "one", "max_lateness_ms": null, "overlap": "queue", "pause_after": 5},
        })
    );
    assert_eq!(serde_json::from_value::<TaskSpec>(text).unwrap(), spec());
}

#[test]
fn json_that_is_no_task_is_refused_with_the_reason() {
    let refusal = |field: &str, value: &str| {
        let mut text = serde_json::to_value(spec()).unwrap();
        text[field] = value.into();
        serde_json::from_value::<TaskSpec>(text).unwrap_err().to_string()
    };
    assert!(refusal("schedule_value", "0 25 * * *").contains("\"0 25 * * *\" is not a usable cron line"));
    assert!(refusal("timezone", "Mars/Olympus").contains("\"Mars/Olympus\" is not an IANA time zone"));
    assert!(refusal("shedule", "0 9 * * *").contains("unknown field"));
}

#[test]
fn the_snapshot_for_agents_has_nanoclaws_words_ipc_20() {
    let mut task = Task {
        id: TaskId::parse("task-1773482400000-a1b2c3").unwrap(),
        spec: spec(),
        state: TaskState::Active,
        next_due: Some(at("2026-03-15T08:00:00Z")),
        failures_in_row: 0,
        origin: TaskOrigin::Agent,
        created_at: at("2026-03-14T10:00:00Z"),
        version: 1,
    };
    let shown = serde_json::to_value(task.snapshot()).unwrap();
    let fixture = include_str!("../../../fixtures/nanoclaw/snapshots/current_tasks.json");
    let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
    assert_eq!(shown, fixture[0]);
    task.state = TaskState::Paused;
    assert_eq!(
        (task.snapshot().status.as_str(), task.snapshot().next_run),
        ("paused", None)
    );
    task.state = TaskState::Done;
    assert_eq!(task.snapshot().status, "completed");
}

#[test]
fn a_resumed_task_does_not_fire_for_the_time_it_slept_ipc_d2() {
    let now = at("2026-04-01T12:00:00Z");
    let resumed = |kind, value, due| {
        let spec = TaskSpec {
            schedule: schedule(kind, value),
            ..spec()
        };
        decide_resume(&spec, Some(at(due)), now)
    };
    assert_eq!(
        resumed(ScheduleKind::Cron, "0 9 * * *", "2026-03-02T08:00:00Z"),
        Some(at("2026-04-02T07:00:00Z"))
    );
    // On the grid it had.
    assert_eq!(
        resumed(ScheduleKind::Interval, "3600000", "2026-03-02T08:12:34Z"),
        Some(at("2026-04-01T12:12:34Z"))
    );
    assert_eq!(
        resumed(ScheduleKind::Cron, "0 9 * * *", "2026-05-02T07:00:00Z"),
        Some(at("2026-05-02T07:00:00Z"))
    );
    // A promise not kept yet.
    assert_eq!(
        resumed(ScheduleKind::Once, "2026-03-02T09:00", "2026-03-02T08:00:00Z"),
        Some(at("2026-03-02T08:00:00Z"))
    );
    assert_eq!(decide_resume(&spec(), None, now), None);
}

#[test]
fn an_agents_context_word_follows_ipc_07() {
    for (word, mode) in [
        (None, ContextMode::Group),
        (Some("group"), ContextMode::Group),
        (Some("isolated"), ContextMode::Isolated),
        (Some("shared"), ContextMode::Isolated),
    ] {
        assert_eq!(ContextMode::from_agent(word), mode, "{word:?}");
    }
}

#[test]
fn stored_words_are_read_back() {
    for state in [TaskState::Active, TaskState::Paused, TaskState::Done] {
        assert_eq!(TaskState::parse(state.as_str()), Some(state));
    }
    for policy in [Misfire::One, Misfire::All, Misfire::Skip] {
        assert_eq!(Misfire::parse(policy.as_str()), Some(policy));
    }
    for policy in [Overlap::Queue, Overlap::Skip] {
        assert_eq!(Overlap::parse(policy.as_str()), Some(policy));
    }
    for mode in [ContextMode::Group, ContextMode::Isolated] {
        assert_eq!(ContextMode::parse(mode.as_str()), Some(mode));
    }
    for outcome in ["answered", "silent", "not_woken", "failed", "skipped", "cancelled"] {
        assert_eq!(RunOutcome::parse(outcome).map(RunOutcome::as_str), Some(outcome));
    }
    for kind in ["cron", "interval", "once"] {
        assert_eq!(ScheduleKind::parse(kind).map(ScheduleKind::as_str), Some(kind));
    }
}

#[test]
fn a_task_id_is_safe_in_rows_and_log_fields() {
    for good in ["task-1773482400000-a1b2c3", "a", "Morning_report"] {
        assert_eq!(TaskId::parse(good).unwrap().as_str(), good);
    }
    let long = "a".repeat(65);
    for bad in ["", " ", "a b", "../x", "täsk", "a\n", long.as_str()] {
        assert!(TaskId::parse(bad).is_err(), "{bad:?}");
        assert!(serde_json::from_value::<TaskId>(bad.into()).is_err(), "{bad:?}");
    }
}
