//! Rate limits: a window per route and channel, and one over all.

use std::collections::HashMap;
use std::time::Duration;

use super::error;
use crate::platform::Answer;

/// Buckets kept; beyond them the ones whose window is over are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// So many requests per window.
pub type Limit = (u32, Duration);

/// What is allowed, as the real one was observed to allow it.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Messages created per channel.
    pub messages: Limit,
    /// Reactions added per channel.
    pub reactions: Limit,
    /// Every other route, per channel or guild.
    pub others: Limit,
    /// All requests of the bot.
    pub global: Limit,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            messages: (5, Duration::from_secs(5)),
            reactions: (1, Duration::from_millis(250)),
            others: (50, Duration::from_secs(1)),
            global: (50, Duration::from_secs(1)),
        }
    }
}

impl RateLimits {
    /// None to speak of: for tests and benchmarks that are about something else.
    #[must_use]
    pub fn none() -> Self {
        let wide = (u32::MAX, Duration::from_secs(1));
        Self {
            messages: wide,
            reactions: wide,
            others: wide,
            global: wide,
        }
    }
}

/// Whose limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Of this bot on this route.
    User,
    /// Of this bot over all routes.
    Global,
    /// Of the resource, whoever asks.
    Shared,
}

impl Scope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::User | Self::Global => "You are being rate limited.",
            Self::Shared => "Service resource is being rate limited.",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::User | Self::Global => 0,
            Self::Shared => 40062,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Rate {
    pub(super) limits: RateLimits,
    buckets: HashMap<String, Window>,
    global: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    ends_ms: u64,
    used: u32,
}

/// Where a request found its bucket.
pub(super) struct Standing {
    limit: u32,
    remaining: u32,
    resets_ms: u64,
    resets_in_ms: u64,
    route: String,
}

impl Rate {
    /// Counts one request on this route (`POST /channels/:id/messages`) for this channel or guild.
    pub(super) fn charge(&mut self, route: &str, major: &str, now_ms: u64) -> Result<Standing, Box<Answer>> {
        let limit = match route {
            "POST /channels/:id/messages" => self.limits.messages,
            route if route.contains("/reactions/") => self.limits.reactions,
            _ => self.limits.others,
        };
        if self.buckets.len() >= BUCKETS_MAX {
            self.buckets.retain(|_, window| window.ends_ms > now_ms);
        }
        let global = self.global.charge(self.limits.global, now_ms);
        if global.is_none() {
            return Err(Box::new(error::limited(self.global.wait(now_ms), Scope::Global)));
        }
        let window = self.buckets.entry(format!("{route} {major}")).or_default();
        let charged = window.charge(limit, now_ms);
        let standing = Standing {
            limit: limit.0,
            remaining: charged.unwrap_or_default(),
            resets_ms: window.ends_ms,
            resets_in_ms: window.ends_ms.saturating_sub(now_ms),
            route: route.to_owned(),
        };
        match charged {
            Some(_) => Ok(standing),
            None => {
                let refused = error::limited(window.wait(now_ms), Scope::User);
                Err(Box::new(standing.describe(refused)))
            }
        }
    }
}

impl Window {
    /// What remains, or `None` when nothing did.
    fn charge(&mut self, (limit, length): Limit, now_ms: u64) -> Option<u32> {
        if now_ms >= self.ends_ms {
            let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            *self = Self {
                ends_ms: now_ms.saturating_add(length_ms),
                used: 0,
            };
        }
        let remaining = limit.checked_sub(self.used)?.checked_sub(1)?;
        self.used += 1;
        Some(remaining)
    }

    fn wait(&self, now_ms: u64) -> Duration {
        Duration::from_millis(self.ends_ms.saturating_sub(now_ms))
    }
}

impl Standing {
    /// Adds the headers that every answer on a limited route carries.
    pub(super) fn describe(&self, answer: Answer) -> Answer {
        answer
            .header("x-ratelimit-limit", self.limit)
            .header("x-ratelimit-remaining", self.remaining)
            .header("x-ratelimit-reset", seconds(self.resets_ms))
            .header("x-ratelimit-reset-after", seconds(self.resets_in_ms))
            .header("x-ratelimit-bucket", bucket(&self.route))
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// The opaque name of a route's bucket.
fn bucket(route: &str) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(&Sha256::digest(route)[..16])
}
