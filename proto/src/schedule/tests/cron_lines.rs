//! The dialect: Unix fields and what NanoClaw's parser took beside them (SC-10).

use chrono_tz::Tz;

use super::{at, cron, due};
use crate::schedule::{InvalidCron, InvalidSchedule, Schedule, ScheduleKind};

fn utc(line: &str, count: usize) -> Vec<String> {
    // A Sunday.
    let days = due(&cron(line), Tz::UTC, "2026-03-01T00:00:00Z", count);
    days.iter()
        .map(|day| day.trim_end_matches(" +00:00").to_owned())
        .collect()
}

fn refusal(line: &str) -> InvalidCron {
    match Schedule::parse(ScheduleKind::Cron, line) {
        Err(InvalidSchedule::Cron { why, .. }) => why,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn zero_and_seven_and_the_name_are_sunday() {
    for line in ["0 9 * * 0", "0 9 * * 7", "0 9 * * SUN", "0 9 * * sun", "0 9 ? * 7"] {
        assert_eq!(utc(line, 2), ["03-01 09:00", "03-08 09:00"], "{line}");
    }
    assert_eq!(utc("0 9 * * SAT-SUN", 3), ["03-01 09:00", "03-07 09:00", "03-08 09:00"]);
    assert_eq!(utc("0 9 * * 5-7", 3), ["03-01 09:00", "03-06 09:00", "03-07 09:00"]);
    assert_eq!(utc("0 9 * * 1", 1), ["03-02 09:00"]);
}

#[test]
fn a_day_fits_either_day_field_when_both_restrict() {
    assert_eq!(
        utc("0 9 13 * 5", 4),
        ["03-06 09:00", "03-13 09:00", "03-20 09:00", "03-27 09:00"]
    );
    assert_eq!(utc("0 9 10 * FRI", 2), ["03-06 09:00", "03-10 09:00"]);
    // A step is a restriction, whatever it begins with.
    assert_eq!(utc("0 9 */10 * 1", 3), ["03-01 09:00", "03-02 09:00", "03-09 09:00"]);
}

#[test]
fn names_steps_lists_and_the_last_and_nth_days_are_known() {
    assert_eq!(utc("0 0 1 APR,jun *", 2), ["04-01 00:00", "06-01 00:00"]);
    assert_eq!(utc("5-20/7 0 2 * *", 3), ["03-02 00:05", "03-02 00:12", "03-02 00:19"]);
    assert_eq!(utc("0 0 L * *", 2), ["03-31 00:00", "04-30 00:00"]);
    assert_eq!(utc("0 0 * * 5L", 2), ["03-27 00:00", "04-24 00:00"]);
    assert_eq!(utc("0 0 * * FRIL", 2), ["03-27 00:00", "04-24 00:00"]);
    assert_eq!(utc("0 0 * * 1#2", 2), ["03-09 00:00", "04-13 00:00"]);
    assert_eq!(utc("0 0 * * MON#2", 1), ["03-09 00:00"]);
    assert_eq!(utc("0 0 15W * *", 1), ["03-16 00:00"]);
    assert_eq!(utc("0 0 LW * *", 2), ["03-31 00:00", "04-30 00:00"]);
}

#[test]
fn nicknames_are_spelled_out() {
    let same = [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@Weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ];
    for (nickname, line) in same {
        assert_eq!(utc(nickname, 3), utc(line, 3), "{nickname}");
        assert_eq!(cron(nickname).value(), nickname);
    }
    for unknown in ["@reboot", "@every 5m", "0 9 * * @daily"] {
        assert!(matches!(refusal(unknown), InvalidCron::Nickname { .. }), "{unknown}");
    }
}

#[test]
fn rare_dates_are_found_and_impossible_ones_refused() {
    let leap = due(&cron("0 0 29 2 *"), Tz::UTC, "2096-03-01T00:00:00Z", 1);
    assert_eq!(leap, ["02-29 00:00 +00:00"]);
    let fifth_monday = cron("0 0 * 2 1#5");
    let after = at("2072-03-01T00:00:00Z");
    assert_eq!(
        fifth_monday.next_after(Tz::UTC, after, after),
        Some(at("2112-02-29T00:00:00Z"))
    );
    for never in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert_eq!(refusal(never), InvalidCron::Never, "{never}");
    }
}

#[test]
fn seconds_are_refused_and_the_five_fields_offered() {
    let InvalidCron::Seconds { without_first } = refusal("0 30 9 * * 1-5") else {
        panic!("six fields");
    };
    assert_eq!(without_first, "30 9 * * 1-5");
}

#[test]
fn fields_in_the_wrong_order_are_refused() {
    for (line, field) in [
        ("0 9 * MON *", 3),
        ("MON * * * *", 0),
        ("0 9 JAN * *", 2),
        ("0 9 * * DEC", 4),
        ("0 9 * * +1", 4),
        ("H 9 * * *", 0),
        ("0 9, * * *", 1),
        ("0 9 * * W", 4),
    ] {
        let why = refusal(line);
        assert!(
            matches!(why, InvalidCron::Sign { field: found, .. } if found == field),
            "{line}: {why:?}"
        );
    }
}

#[test]
fn a_step_that_is_never_made_is_refused() {
    for (line, field) in [
        ("*/90 * * * *", 0),
        ("0,1-59/61 * * * *", 0),
        ("0 */36 * * *", 1),
        ("0 0 */32 * *", 2),
        ("0 0 1 */13 *", 3),
        ("0 0 * * */14", 4),
    ] {
        let why = refusal(line);
        assert!(
            matches!(why, InvalidCron::Step { field: found, .. } if found == field),
            "{line}: {why:?}"
        );
    }
    assert_eq!(utc("*/60 */24 * * *", 2), utc("@daily", 2));
}

#[test]
fn whatever_cannot_be_a_line_is_refused_without_a_panic() {
    let long = "0,".repeat(200);
    for line in [
        "",
        "   ",
        "9",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5/10 * * * *",
        "-5 * * * *",
        "5- * * * *",
        "30-10 * * * *",
        "99999999999 * * * *",
        "* * * * 1#6",
        "* * * * 1#0",
        "* * * * L#",
        "every day at nine",
        "0 9 * * é",
        "\u{0} * * * *",
        &long,
    ] {
        let error = Schedule::parse(ScheduleKind::Cron, line).unwrap_err().to_string();
        assert!(error.len() < 600, "{error}");
    }
}

#[test]
fn an_error_names_the_line_the_field_and_what_to_write() {
    let error = |line| Schedule::parse(ScheduleKind::Cron, line).unwrap_err().to_string();
    insta::assert_snapshot!(error("0 25 * * *"), @r#""0 25 * * *" is not a usable cron line: the hour field "25" is wrong (number out of bounds); use 0-23, lists "9,17", ranges "8-18" and steps "*/2""#);
    insta::assert_snapshot!(error("0 9 * MON *"), @r#""0 9 * MON *" is not a usable cron line: the month field has "MON", which means nothing there; use 1-12 or JAN-DEC, lists, ranges and steps"#);
    insta::assert_snapshot!(error("*/90 * * * *"), @r#""*/90 * * * *" is not a usable cron line: the minute field steps by 90, but has only 60 values and begins anew after them; for a span of time use the kind "interval" with milliseconds, for example 5400000 for 90 minutes"#);
    insta::assert_snapshot!(error("0 30 9 * * *"), @r#""0 30 9 * * *" is not a usable cron line: it has six fields; seconds are not supported, because a run of the agent takes longer than that: write the five fields "30 9 * * *" if the first one was meant as seconds"#);
    insta::assert_snapshot!(error("0 0 31 2 *"), @r#""0 0 31 2 *" is not a usable cron line: it can never be due: no date fits its day and month, in any year; check day of month against month"#);
    insta::assert_snapshot!(error("@every 5m"), @r#""@every 5m" is not a usable cron line: "@every 5m" is not known; use @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, or the kind "interval" for a span of time"#);
}
