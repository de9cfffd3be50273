//! What goes wrong on Slack's side.

use super::Slack;
use super::events::Order;
use super::state::Token;

impl Slack {
    /// The app is removed from the workspace: calls say so, and sockets end.
    pub fn revoke_token(&self) {
        let mut state = self.state();
        state.token = Token::Revoked;
        state.events.order_all(Order::Goodbye("link_disabled"));
    }

    /// The bot's user is deactivated.
    pub fn deactivate(&self) {
        self.state().token = Token::Inactive;
    }

    /// The tokens are good again.
    pub fn restore_token(&self) {
        self.state().token = Token::Good;
    }

    /// Every socket ends without a word; what was not acknowledged is sent again.
    pub fn drop_sockets(&self) {
        self.state().events.order_all(Order::Cut);
    }

    /// Every client is told to connect again, with this reason: `warning`, `refresh_requested`, `too_many_websockets`.
    pub fn say_goodbye(&self, reason: &'static str) {
        self.state().events.order_all(Order::Goodbye(reason));
    }

    /// The sockets that are open stay open, but nothing comes from them any more, no ping either.
    pub fn freeze_sockets(&self) {
        self.state().events.freeze_all();
    }

    /// Slack gives up what it could not deliver so far, as it does after its last try.
    pub fn forget_events(&self) {
        self.state().events.forget();
    }

    /// The next call of a method is answered with this error and status 200, executed or not.
    pub fn fail_next(&self, method: &str, error: &str, is_executed: bool) {
        self.state()
            .failing
            .push_back((method.to_owned(), error.to_owned(), is_executed));
    }

    /// Whether Slack's rate limits hold.
    pub fn limit_rates(&self, is_on: bool) {
        self.state().rate.is_on = is_on;
    }

    /// The bot is put out of a channel, or back into it.
    pub fn kick(&self, channel: &str, is_out: bool) {
        let mut state = self.state();
        let bot = state.bot.clone();
        if let Some(channel) = state.channels.get_mut(channel) {
            if is_out {
                channel.members.remove(&bot);
            } else {
                channel.members.insert(bot);
            }
        }
    }

    /// A channel is archived.
    pub fn archive(&self, channel: &str) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.is_archived = true;
        }
    }

    /// From now on a message is told in a form that clients do not expect.
    pub fn garble(&self, channel: &str, ts: &str) {
        if let Some(message) = self.state().message_mut(channel, ts) {
            message.is_garbled = true;
        }
    }

    /// The event of a message comes once more, as Slack sometimes does with an acknowledgement that it has lost.
    pub fn repeat_event(&self, channel: &str, ts: &str) {
        let mut state = self.state();
        let message = state.message_mut(channel, ts).map(|message| message.clone());
        if let Some(message) = message {
            state.announce(channel, &message);
        }
    }
}
