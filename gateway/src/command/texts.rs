//! What commands answer: plain functions from what was found to what is said.

use chrono::{Days, TimeZone};
use chrono_tz::Tz;
use proto::group::Group;
use proto::time::Timestamp;
use store::{ChatActivity, GroupStanding, UsageTotal};

use super::pairing::Waiting;

/// Answer to a stop with nothing to stop.
pub(super) const NOTHING_RUNS: &str = "Nothing is running.";

/// How a group is doing.
pub(super) fn status(group: &Group, standing: &GroupStanding, activity: &ChatActivity, now: Timestamp) -> String {
    let doing = match (&standing.owner, standing.turn_since) {
        (Some(runner), Some(since)) => format!("working for {} on {runner}", span(since, now)),
        (None, Some(since)) => format!("waiting to go on with what it began {} ago", span(since, now)),
        (Some(_), None) => "ready and warm".to_owned(),
        (None, None) if standing.unanswered > 0 => "waiting for a free slot".to_owned(),
        (None, None) => "idle".to_owned(),
    };
    let conversation = if standing.has_session { "goes on" } else { "a new one" };
    format!(
        "Group {}: {doing}.\nUnanswered: {}. Replies on their way here: {}. Conversation: {conversation}.",
        group.id, standing.unanswered, activity.undelivered
    )
}

fn span(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(since).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Where the spans begin that are added up: today, seven days, all.
pub(super) fn starts(zone: Tz, now: Timestamp) -> [(&'static str, Timestamp); 3] {
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let midnight = |date: chrono::NaiveDate| {
        let local = date.and_hms_opt(0, 0, 0).expect("every date has a midnight");
        // Where the clock is put forward over midnight the day begins later; an hour does not matter here.
        let found = zone.from_local_datetime(&local).earliest();
        found.map_or(now, |time| Timestamp::from_millis(time.timestamp_millis()))
    };
    let week = today.checked_sub_days(Days::new(6)).unwrap_or(today);
    [
        ("today", midnight(today)),
        ("7 days", midnight(week)),
        ("total", Timestamp::from_millis(0)),
    ]
}

/// What was used.
pub(super) fn cost(totals: &[(&'static str, UsageTotal)]) -> String {
    let line = |(span, total): &(&str, UsageTotal)| {
        let cached = total.usage.cache_creation_input_tokens + total.usage.cache_read_input_tokens;
        let dollars = total.cost_micros as f64 / 1e6;
        format!(
            "{span}: {} turns, {} tokens in, {cached} cached, {} out, ${dollars:.2}",
            total.turns, total.usage.input_tokens, total.usage.output_tokens
        )
    };
    let lines: Vec<_> = totals.iter().map(line).collect();
    lines.join("\n")
}

/// Chats that ask to be paired.
pub(super) fn pairings(waiting: &[Waiting]) -> String {
    if waiting.is_empty() {
        return "No chat asks to be paired.".to_owned();
    }
    let line = |waiting: &Waiting| {
        let name = waiting.name.as_deref().unwrap_or("(no name)");
        format!("{}  {name}  {}", waiting.pairing.code, waiting.pairing.chat)
    };
    waiting.iter().map(line).collect::<Vec<_>>().join("\n")
}
