//! A stand-in for Slack: the Web API, Socket Mode and the Events API, for one workspace with one app and its bot.
//!
//! It keeps what Slack keeps (people, channels, messages in order, threads, files, shares) and holds callers to Slack's rules:
//! errors as `{"ok":false}` with status 200, cursors, arguments as forms where Slack reads only forms, envelopes that are
//! delivered again until they are acknowledged, signed requests, three seconds to answer them. What it leaves out: scopes,
//! blocks, more than one workspace.
//!
//! People act through the methods in [`people`]; [`trouble`] breaks things; [`seen`] says what the bot did.

mod api;
mod events;
mod ids;
mod json;
mod rate;
mod state;

pub mod people;
pub mod seen;
pub mod trouble;

pub use events::{Retries, signature};
pub use people::Said;
pub use seen::Sent;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use crate::platform::{Answer, Call, Platform, PlatformClock, SocketHandler};
use state::State;

/// The bot's token.
pub const BOT_TOKEN: &str = "xoxb-2147483705-2147483706-stand-in";
/// The app's token, for Socket Mode.
pub const APP_TOKEN: &str = "xapp-1-A0KRD7HC3-2147483707-stand-in";
/// The secret that requests of the Events API are signed with.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A Slack workspace with an app in it.
#[derive(Clone)]
pub struct Slack {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    clock: PlatformClock,
}

impl Slack {
    /// A workspace without channels, whose bot is called `bot_name` and has [`BOT_TOKEN`].
    #[must_use]
    pub fn new(bot_name: &str) -> Self {
        let inner = Arc::new(Inner {
            state: Mutex::new(State::new(bot_name)),
            clock: PlatformClock::default(),
        });
        Self { inner }
    }

    /// Slack's own clock; moved forward, rate limits run out.
    #[must_use]
    pub fn clock(&self) -> &PlatformClock {
        &self.inner.clock
    }

    /// Remembers under which name clients reach us: links and socket addresses are made of it.
    fn note_origin(&self, call: &Call) {
        if let Some(host) = call.header("host") {
            self.state().origin = host.to_owned();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now_ms = self.inner.clock.now_ms();
        state
    }
}

#[async_trait]
impl Platform for Slack {
    async fn answer(&self, call: Call) -> Answer {
        self.note_origin(&call);
        api::answer(&mut self.state(), &call)
    }

    fn busy(&self, _: &Call, retry_after: Duration) -> Answer {
        let body = json!({ "ok": false, "error": "ratelimited" });
        // Slack says whole seconds, and never none.
        Answer::json(StatusCode::TOO_MANY_REQUESTS, &body).header("retry-after", retry_after.as_secs().max(1))
    }

    fn websocket(&self, call: &Call) -> Option<SocketHandler> {
        events::open_socket(self, call)
    }

    fn is_effect(&self, call: &Call) -> bool {
        api::is_effect(call)
    }
}

#[cfg(test)]
mod tests;
