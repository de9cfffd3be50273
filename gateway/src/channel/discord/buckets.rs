//! Rate-limit buckets: which routes are used up, and until when.
//!
//! Discord says with every answer how much of its route's bucket is left. Who waits until it is full again is not refused;
//! too many refusals shut the whole bot out for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use proto::time::Monotonic;

/// Routes kept before those that are open again are forgotten.
const ROUTES_MAX: usize = 1_000;

/// The buckets that are used up, by route with its channel.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<HashMap<String, Monotonic>>);

impl Buckets {
    /// How long this route is used up; none when it is open.
    pub(super) fn wait(&self, route: &str, now: Monotonic) -> Option<Duration> {
        let used_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let opens = *used_up.get(route)?;
        Some(opens.since(now)).filter(|wait| !wait.is_zero())
    }

    /// Keeps what an answer says of its route.
    pub(super) fn note(&self, route: &str, headers: &HeaderMap, now: Monotonic) {
        let mut used_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match used_up_for(headers) {
            Some(wait) => {
                if used_up.len() >= ROUTES_MAX {
                    used_up.retain(|_, opens| *opens > now);
                }
                used_up.insert(route.to_owned(), now + wait);
            }
            None => {
                used_up.remove(route);
            }
        }
    }
}

/// How long the bucket is used up, by the headers of an answer.
fn used_up_for(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<f64>().ok();
    let is_empty = number("x-ratelimit-remaining")? < 1.0;
    number("x-ratelimit-reset-after")
        .filter(|_| is_empty)
        .and_then(crate::rest::bounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(remaining: &str, reset_after: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", remaining.parse().unwrap());
        headers.insert("x-ratelimit-reset-after", reset_after.parse().unwrap());
        headers
    }

    #[test]
    fn a_used_up_bucket_is_waited_for_and_no_other() {
        let buckets = Buckets::default();
        let at = |ms| Monotonic(Duration::from_millis(ms));
        buckets.note("a", &headers("1", "5.0"), at(0));
        assert_eq!(buckets.wait("a", at(0)), None);
        buckets.note("a", &headers("0", "4.5"), at(0));
        assert_eq!(buckets.wait("a", at(500)), Some(Duration::from_secs(4)));
        assert_eq!(buckets.wait("b", at(500)), None);
        assert_eq!(buckets.wait("a", at(4_500)), None);
        buckets.note("a", &HeaderMap::new(), at(0));
        assert_eq!(buckets.wait("a", at(0)), None);
    }
}
