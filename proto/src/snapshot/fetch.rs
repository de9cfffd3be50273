//! How to fetch chunks with few requests.

use std::collections::BTreeSet;

/// A gap up to this long is fetched with what is around it: cheaper than another request.
const GAP_MAX: u64 = 64 * 1024;
/// Longest range fetched at once: bounds what lies in memory, and lets ranges of one pack go in parallel.
const RANGE_MAX: u64 = 4 * 1024 * 1024;

/// One request: a range of a pack that holds these chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Position of the pack in the manifest.
    pub pack: u32,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Offset and length in the pack of each chunk wanted, in order.
    pub chunks: Vec<(u64, u32)>,
}

/// Decides on the requests that fetch the chunks (pack, offset, length).
pub fn decide_fetches(wanted: &BTreeSet<(u32, u64, u32)>) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    for &(pack, offset, bytes) in wanted {
        let end = offset + u64::from(bytes);
        match fetches.last_mut() {
            Some(last) if last.pack == pack && offset <= last.end + GAP_MAX && end - last.start <= RANGE_MAX => {
                last.end = last.end.max(end);
                last.chunks.push((offset, bytes));
            }
            _ => fetches.push(Fetch {
                pack,
                start: offset,
                end,
                chunks: vec![(offset, bytes)],
            }),
        }
    }
    fetches
}
