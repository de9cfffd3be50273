//! A request limit with a fixed window, and the headers that tell clients about it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::super::protocol::error::ApiError;

/// What the headers say when no limit is set, as for a middling account of the real API.
const UNLIMITED: RateLimit = RateLimit {
    requests: 4_000,
    window: Duration::from_secs(60),
};
/// Token limits are told, not kept.
const TOKENS_LIMIT: u64 = 2_000_000;

/// At most `requests` per `window`.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Requests let through per window.
    pub requests: u32,
    /// Length of the window.
    pub window: Duration,
}

pub(super) struct Rate {
    limit: Option<RateLimit>,
    window: Mutex<Window>,
}

struct Window {
    since: Instant,
    used: u32,
}

/// Where a request found the limit.
pub(super) struct Standing {
    limit: RateLimit,
    remaining: u32,
    resets_in: Duration,
}

impl Rate {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            window: Mutex::new(Window {
                since: Instant::now(),
                used: 0,
            }),
        }
    }

    /// Counts one request; refuses it when the window is used up.
    pub(super) fn charge(&self) -> (Standing, Result<(), ApiError>) {
        let limit = self.limit.unwrap_or(UNLIMITED);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.elapsed() >= limit.window {
            *window = Window {
                since: Instant::now(),
                used: 0,
            };
        }
        let resets_in = limit.window.saturating_sub(window.since.elapsed());
        let refused = self.limit.is_some() && window.used >= limit.requests;
        if !refused {
            window.used = window.used.saturating_add(1);
        }
        let standing = Standing {
            limit,
            remaining: limit.requests.saturating_sub(window.used),
            resets_in,
        };
        (
            standing,
            if refused {
                Err(ApiError::rate_limited(resets_in))
            } else {
                Ok(())
            },
        )
    }
}

impl Standing {
    /// Adds the `anthropic-ratelimit-*` headers. An answer that is itself a 429 tells that nothing remains.
    pub(super) fn describe(&self, headers: &mut HeaderMap, refused: bool) {
        let reset = DateTime::<Utc>::from(wall_clock() + self.resets_in).to_rfc3339_opts(SecondsFormat::Secs, true);
        let remaining = if refused { 0 } else { self.remaining };
        let values = [
            ("anthropic-ratelimit-requests-limit", self.limit.requests.to_string()),
            ("anthropic-ratelimit-requests-remaining", remaining.to_string()),
            ("anthropic-ratelimit-requests-reset", reset.clone()),
            ("anthropic-ratelimit-tokens-limit", TOKENS_LIMIT.to_string()),
            (
                "anthropic-ratelimit-tokens-remaining",
                if refused { 0 } else { TOKENS_LIMIT }.to_string(),
            ),
            ("anthropic-ratelimit-tokens-reset", reset),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a peer has a clock of its own; what it writes into headers is not the tests' time"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
