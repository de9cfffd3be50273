//! A stand-in for Discord: API v10 over HTTP and the gateway over a WebSocket, with one bot.
//!
//! It keeps what Discord keeps (users, guilds, channels, threads, messages, sessions with their events) and holds callers
//! to Discord's rules: 2000 characters, nonces that are unique for a few minutes, rate limits per route and channel, intents,
//! heartbeats, sequences. Errors carry Discord's codes and words. What it leaves out: permissions beyond "no access", voice,
//! shards beyond the first.
//!
//! People act through the methods in [`people`]; [`trouble`] breaks things; [`seen`] says what the bot did.

mod error;
mod gateway;
mod ids;
mod json;
mod rate;
mod rest;
mod state;

pub mod people;
pub mod seen;
pub mod trouble;

pub use people::Said;
pub use rate::{Limit, RateLimits};
pub use seen::{Acknowledged, Sent};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::platform::{Answer, Call, Platform, PlatformClock, SocketHandler};
use state::State;

/// A Discord with one application and its bot, in no guild yet.
#[derive(Clone)]
pub struct Discord {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    clock: PlatformClock,
}

impl Discord {
    /// A Discord whose bot is called `bot_name`.
    #[must_use]
    pub fn new(bot_name: &str) -> Self {
        let clock = PlatformClock::default();
        let state = State::new(bot_name, clock.now_ms());
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            clock,
        });
        Self { inner }
    }

    /// The bot's token: as the real ones do, it begins with the bot's id.
    #[must_use]
    pub fn token(&self) -> String {
        state::token_of(self.bot())
    }

    /// Discord's own clock; moved forward, nonces, sessions and rate limits run out.
    #[must_use]
    pub fn clock(&self) -> &PlatformClock {
        &self.inner.clock
    }

    /// Remembers under which name clients reach us: links and the address of the gateway are made of it.
    fn note_origin(&self, call: &Call) {
        if let Some(host) = call.header("host") {
            self.state().origin = format!("http://{host}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now_ms = self.inner.clock.now_ms();
        state
    }
}

#[async_trait]
impl Platform for Discord {
    async fn answer(&self, call: Call) -> Answer {
        rest::answer(self, call).await
    }

    fn busy(&self, _call: &Call, retry_after: Duration) -> Answer {
        error::limited(retry_after, rate::Scope::Shared)
    }

    fn websocket(&self, call: &Call) -> Option<SocketHandler> {
        gateway::open(self, call)
    }

    fn is_effect(&self, call: &Call) -> bool {
        rest::is_effect(call)
    }
}

#[cfg(test)]
mod tests;
