//! Ids and timestamps as Slack makes them.

/// An id such as `C0000000012`: a letter for the kind, then letters and digits.
pub(super) fn id(kind: char, number: u64) -> String {
    format!("{kind}{number:010}")
}

/// A message's timestamp, `1355517523.000005`: its identity within its channel.
pub(super) fn timestamp(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The microseconds of a timestamp that a caller gave, with or without a fraction.
pub(super) fn micros(timestamp: &str) -> Option<u64> {
    let (seconds, fraction) = timestamp.split_once('.').unwrap_or((timestamp, ""));
    let seconds: u64 = seconds.parse().ok()?;
    let fraction = format!("{:0<6}", fraction.get(..fraction.len().min(6))?);
    seconds.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?)
}
