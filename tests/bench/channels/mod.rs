//! `channels`: a hundred thousand sends of every channel against a platform that executes and forgets to answer, refuses and
//! breaks.
//!
//! The real adapter, the real delivery loop and real rows on SQLite; the platform is a stand-in behind real sockets. Time is
//! a clock that is moved on after every pass, so that waits cost nothing and the run is bounded. What people can read is
//! compared with what the rows say.

mod count;
mod run;
mod telegram;

use std::sync::Arc;

use doubles::platform::Faults;
use gateway::channel::{Channel, ChannelDeps};
use proto::ids::ChatId;

/// A channel's adapter over its stand-in.
pub(crate) trait Peer: Send + Sync + 'static {
    /// What the row of the table is called: the channel, and the option if there is one.
    fn name(&self) -> &'static str;

    /// The adapter.
    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel>;

    /// What goes wrong.
    fn faults(&self) -> &Faults;

    /// Makes chats to send to.
    fn chats(&self, count: usize) -> Vec<ChatId>;

    /// What people read in a chat, in order.
    fn texts(&self, chat: &ChatId) -> Vec<String>;
}

/// Runs all channels one after the other.
pub(crate) async fn channels() {
    // The process has one; the first measurement installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for resend in [telegram::Resend::Never, telegram::Resend::Always] {
        run::run(&telegram::TelegramPeer::start(resend).await).await;
    }
}
