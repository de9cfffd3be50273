//! Single passes of the scheduler.

use std::time::Duration;

use super::{at, due_task, minutes, schedule};
use crate::schedule::{COUNTED_MAX, Schedule, ScheduleKind};
use crate::task::{
    Admission, AfterRun, DueTask, FIRED_PER_PASS_MAX, FiringDecision, Misfire, Overlap, RunOutcome, SKIP_TOLERANCE,
    UNFINISHED_MAX, decide_after_run, decide_firing, decide_overlap,
};
use crate::time::Timestamp;

const DUE: &str = "2026-03-02T08:00:00Z";
const POLICIES: [Misfire; 3] = [Misfire::One, Misfire::All, Misfire::Skip];

fn hourly() -> Schedule {
    schedule(ScheduleKind::Cron, "0 * * * *")
}

fn decided(fire: &[&str], next_due: Option<&str>, skipped: u64) -> FiringDecision {
    FiringDecision {
        fire: fire.iter().map(|due| at(due)).collect(),
        next_due: next_due.map(at),
        skipped,
    }
}

#[test]
fn nothing_is_fired_before_it_is_due() {
    for misfire in POLICIES {
        let early = decide_firing(&due_task(&hourly(), at(DUE), misfire), at("2026-03-02T07:59:59.999Z"));
        assert_eq!(early, decided(&[], Some(DUE), 0), "{misfire:?}");
    }
}

#[test]
fn what_is_due_now_is_fired_under_every_policy() {
    for misfire in POLICIES {
        for now in [DUE, "2026-03-02T08:00:20Z"] {
            let decision = decide_firing(&due_task(&hourly(), at(DUE), misfire), at(now));
            assert_eq!(
                decision,
                decided(&[DUE], Some("2026-03-02T09:00:00Z"), 0),
                "{misfire:?}"
            );
        }
    }
}

#[test]
fn after_an_outage_each_policy_does_what_it_says() {
    let now = at("2026-03-02T11:30:00Z");
    let after = |misfire| decide_firing(&due_task(&hourly(), at(DUE), misfire), now);
    let next = Some("2026-03-02T12:00:00Z");
    assert_eq!(after(Misfire::One), decided(&["2026-03-02T11:00:00Z"], next, 3));
    assert_eq!(after(Misfire::Skip), decided(&[], next, 4));
    let all = [
        "2026-03-02T08:00:00Z",
        "2026-03-02T09:00:00Z",
        "2026-03-02T10:00:00Z",
        "2026-03-02T11:00:00Z",
    ];
    assert_eq!(after(Misfire::All), decided(&all, next, 0));
}

#[test]
fn nothing_is_fired_that_is_later_than_the_task_allows() {
    let (schedule, now) = (hourly(), at("2026-03-02T11:30:00Z"));
    let after = |misfire, max| {
        let task = due_task(&schedule, at(DUE), misfire);
        decide_firing(
            &DueTask {
                max_lateness: Some(max),
                ..task
            },
            now,
        )
    };
    let next = Some("2026-03-02T12:00:00Z");
    assert_eq!(after(Misfire::One, minutes(29)), decided(&[], next, 4));
    assert_eq!(
        after(Misfire::One, minutes(30)),
        decided(&["2026-03-02T11:00:00Z"], next, 3)
    );
    let two = ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"];
    assert_eq!(after(Misfire::All, minutes(90)), decided(&two, next, 2));
    assert_eq!(after(Misfire::All, minutes(10)), decided(&[], next, 4));
}

#[test]
fn skip_tolerates_the_takeover_of_a_dead_leader_and_no_more() {
    let in_time = at(DUE) + SKIP_TOLERANCE;
    let fired = |now| {
        decide_firing(&due_task(&hourly(), at(DUE), Misfire::Skip), now)
            .fire
            .len()
    };
    assert_eq!(fired(in_time), 1);
    assert_eq!(fired(in_time + Duration::from_millis(1)), 0);
}

#[test]
fn a_single_time_missed_is_fired_once_and_the_task_is_done_sc_d5() {
    let once = schedule(ScheduleKind::Once, "2026-03-02T09:00:00");
    let due = at("2026-03-02T08:00:00Z");
    for (misfire, fire) in [(Misfire::One, true), (Misfire::All, true), (Misfire::Skip, false)] {
        let decision = decide_firing(&due_task(&once, due, misfire), at("2026-03-09T00:00:00Z"));
        assert_eq!(
            (decision.fire.len(), decision.next_due),
            (usize::from(fire), None),
            "{misfire:?}"
        );
        assert_eq!(decision.skipped, u64::from(!fire));
    }
    let too_late = DueTask {
        max_lateness: Some(minutes(60)),
        ..due_task(&once, due, Misfire::All)
    };
    assert_eq!(
        decide_firing(&too_late, at("2026-03-09T00:00:00Z")),
        decided(&[], None, 1)
    );
}

#[test]
fn a_single_time_is_fired_once_even_if_zone_rules_change_under_it() {
    let once = schedule(ScheduleKind::Once, "2026-03-02T09:00:00");
    let due_under_older_rules = at("2026-03-02T07:00:00Z");
    for misfire in POLICIES {
        let decision = decide_firing(&due_task(&once, due_under_older_rules, misfire), due_under_older_rules);
        assert_eq!(decision, decided(&["2026-03-02T07:00:00Z"], None, 0), "{misfire:?}");
    }
}

#[test]
fn a_long_backlog_is_fired_in_bounded_passes() {
    let every_minute = schedule(ScheduleKind::Cron, "* * * * *");
    let now = at(DUE) + minutes(99);
    let (mut due, mut passes, mut fired) = (at(DUE), 0, 0);
    while due <= now {
        let decision = decide_firing(&due_task(&every_minute, due, Misfire::All), now);
        assert!(decision.fire.len() <= FIRED_PER_PASS_MAX);
        assert_eq!(decision.skipped, 0);
        (due, passes, fired) = (decision.next_due.unwrap(), passes + 1, fired + decision.fire.len());
    }
    assert_eq!((passes, fired), (4, 100));
}

#[test]
fn an_outage_of_years_costs_one_firing_and_a_bounded_count() {
    let every_minute = schedule(ScheduleKind::Cron, "* * * * *");
    let now = at("2036-03-02T08:00:30Z");
    let decision = decide_firing(&due_task(&every_minute, at(DUE), Misfire::One), now);
    assert_eq!(decision.fire, [at("2036-03-02T08:00:00Z")]);
    assert_eq!(decision.skipped, COUNTED_MAX);
    let every_ten_seconds = schedule(ScheduleKind::Interval, "10000");
    let exact = decide_firing(&due_task(&every_ten_seconds, at(DUE), Misfire::One), now);
    assert_eq!(exact.skipped, now.since(at(DUE)).as_secs() / 10);
}

#[test]
fn a_clock_put_back_fires_nothing_again() {
    let decision = decide_firing(&due_task(&hourly(), at(DUE), Misfire::All), at(DUE));
    let put_back = decide_firing(
        &due_task(&hourly(), decision.next_due.unwrap(), Misfire::All),
        at("2026-03-01T00:00:00Z"),
    );
    assert_eq!(put_back.fire, [] as [Timestamp; 0]);
    assert_eq!(put_back.next_due, decision.next_due);
}

#[test]
fn an_overlapping_firing_waits_or_is_left_out() {
    assert_eq!(decide_overlap(Overlap::Queue, 0), Admission::Admitted);
    assert_eq!(decide_overlap(Overlap::Queue, UNFINISHED_MAX - 1), Admission::Admitted);
    assert_eq!(decide_overlap(Overlap::Queue, UNFINISHED_MAX), Admission::Skipped);
    assert_eq!(decide_overlap(Overlap::Skip, 0), Admission::Admitted);
    assert_eq!(decide_overlap(Overlap::Skip, 1), Admission::Skipped);
}

#[test]
fn a_task_that_keeps_failing_is_paused_and_one_success_forgives_sc_12() {
    use RunOutcome::{Answered, Cancelled, Failed, NotWoken, Silent, Skipped};
    let go_on = |failures_in_row| AfterRun::GoOn { failures_in_row };
    assert_eq!(decide_after_run(1, Failed, 3), go_on(2));
    assert_eq!(decide_after_run(2, Failed, 3), AfterRun::Pause { failures_in_row: 3 });
    assert_eq!(decide_after_run(9, Failed, 0), go_on(10));
    for good in [Answered, Silent, NotWoken] {
        assert_eq!(decide_after_run(2, good, 3), go_on(0), "{good:?}");
    }
    for neither in [Skipped, Cancelled] {
        assert_eq!(decide_after_run(2, neither, 3), go_on(2), "{neither:?}");
    }
}
