//! What goes wrong on Discord's side.

use std::time::Duration;

use super::gateway::{Intents, Order};
use super::{Discord, RateLimits};

impl Discord {
    /// The owner resets the token: calls get 401, sockets are closed, and none opens any more.
    pub fn revoke_token(&self) {
        let mut state = self.state();
        state.token = None;
        state.gateway.sessions.clear();
        state.gateway.order_all(Order::Close(4004, "Authentication failed."));
    }

    /// The token is good again.
    pub fn restore_token(&self) {
        let token = self.token();
        self.state().token = Some(token);
    }

    /// Every socket ends without a word; the sessions can be resumed.
    pub fn drop_sockets(&self) {
        self.state().gateway.order_all(Order::Cut);
    }

    /// Every client is asked to connect again.
    pub fn ask_to_reconnect(&self) {
        self.state().gateway.order_all(Order::Reconnect);
    }

    /// Every client is told that its session is over, or that it may resume it.
    pub fn invalidate_sessions(&self, resumable: bool) {
        self.state().gateway.order_all(Order::Invalidate { resumable });
    }

    /// The sockets that are open stay open, but nothing comes from them any more, no heartbeat's answer either.
    pub fn freeze_sockets(&self) {
        self.state().gateway.freeze_all();
    }

    /// Sessions are forgotten, as after a long outage: a resume is refused.
    pub fn forget_sessions(&self) {
        let mut state = self.state();
        state.gateway.sessions.clear();
        state.gateway.order_all(Order::Cut);
    }

    /// The gateway tells of the newest message once more.
    pub fn tell_again(&self) {
        let mut state = self.state();
        let Some((channel, id)) = state.last_said else { return };
        let said = state
            .channels
            .get(&channel)
            .and_then(|channel| channel.messages.get(&id))
            .cloned();
        if let Some(said) = said {
            state.announce("MESSAGE_CREATE", &said);
        }
    }

    /// From now on a message is told in a form that clients do not expect.
    pub fn garble(&self, channel: u64, message: u64) {
        let mut state = self.state();
        let kept = state
            .channels
            .get_mut(&channel)
            .and_then(|channel| channel.messages.get_mut(&message));
        if let Some(message) = kept {
            message.is_garbled = true;
        }
    }

    /// Whether the owner has switched on that the bot reads messages.
    pub fn allow_message_content(&self, allowed: bool) {
        let intents = if allowed {
            Intents::MESSAGE_CONTENT
        } else {
            Intents::NONE
        };
        self.state().gateway.allowed = intents;
    }

    /// How often clients must send a heartbeat; for sockets opened from now on.
    pub fn set_heartbeat(&self, interval: Duration) {
        self.state().gateway.heartbeat_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    }

    /// Least time between two sessions begun.
    pub fn set_identify_pause(&self, pause: Duration) {
        self.state().gateway.identify_pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    }

    /// The rate limits from now on.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        self.state().rate.limits = limits;
    }

    /// The bot loses, or regains, its access to a channel.
    pub fn hide(&self, channel: u64, is_hidden: bool) {
        if let Some(channel) = self.state().channels.get_mut(&channel) {
            channel.is_hidden = is_hidden;
        }
    }

    /// Somebody takes no direct messages from the bot any more.
    pub fn refuse_dms(&self, user: u64) {
        if let Some(user) = self.state().users.get_mut(&user) {
            user.takes_dms = false;
        }
    }

    /// A channel is deleted, with all that is in it.
    pub fn delete_channel(&self, channel: u64) {
        self.state().channels.remove(&channel);
    }
}
