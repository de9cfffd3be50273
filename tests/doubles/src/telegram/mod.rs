//! A stand-in for the Telegram Bot API: bots, chats and messages with real state, answering in Telegram's own words.
//!
//! Long polling with offsets and its conflicts, webhooks, groups, supergroups, topics, migration, media, formatting that is
//! parsed and refused as Telegram does, limits of rate and size. Left out: inline mode, payments, games, business accounts,
//! and the deletion of messages, of which bots are not told. As from a local Bot API server, a webhook may be plain HTTP.

mod chat;
mod dispatch;
mod entities;
mod error;
mod files;
mod formatting;
mod hook;
mod markdown;
mod params;
mod people;
mod polling;
mod post;
mod rate;
mod sending;
mod state;
mod webhook;

pub use chat::{ChatKind, Sent, SentFile};
pub use formatting::plain_html;
pub use people::User;
pub use post::Post;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::platform::PlatformClock;
use state::State;

/// Telegram, with its bots, people and chats.
pub struct TelegramDouble {
    state: Mutex<State>,
    /// Changes whenever a long poll should look again.
    changed: watch::Sender<u64>,
    clock: PlatformClock,
    conflicts: AtomicU64,
}

impl TelegramDouble {
    /// Telegram without bots or chats.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            clock: PlatformClock::default(),
            conflicts: AtomicU64::new(0),
        }
    }

    /// How many calls were answered with 409, because another one polls or is called.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// The clock that messages are dated and limits measured by.
    #[must_use]
    pub fn clock(&self) -> &PlatformClock {
        &self.clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}

impl Default for TelegramDouble {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
