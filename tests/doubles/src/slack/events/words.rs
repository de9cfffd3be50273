//! How Slack words what happened.

use serde_json::{Value, json};

use crate::slack::ids;
use crate::slack::json as written;
use crate::slack::state::{Message, State};

impl State {
    /// Tells the app about a new message.
    pub(in crate::slack) fn announce(&mut self, channel: &str, message: &Message) {
        let mut event = written::message(self, channel, message, true);
        event["event_ts"] = message.ts().into();
        self.tell(channel, event);
    }

    /// Rewrites a message, or only looks at its links when the text stays, and tells the app.
    pub(in crate::slack) fn change(&mut self, channel: &str, ts: &str, text: &str) {
        let now = self.next_micros();
        let Some(message) = self.message_mut(channel, ts) else {
            return;
        };
        let previous = message.clone();
        if message.text != text {
            text.clone_into(&mut message.text);
            message.edited = Some(now);
        }
        let message = message.clone();
        let event = json!({
            "type": "message",
            "subtype": "message_changed",
            "hidden": true,
            "ts": ids::timestamp(now),
            "event_ts": ids::timestamp(now),
            "message": written::message(self, channel, &message, true),
            "previous_message": written::message(self, channel, &previous, true),
        });
        self.tell(channel, event);
    }

    /// Takes a message back and tells the app.
    pub(in crate::slack) fn remove(&mut self, channel: &str, ts: &str) {
        let now = self.next_micros();
        let Some(micros) = ids::micros(ts) else { return };
        let removed = self
            .channels
            .get_mut(channel)
            .and_then(|channel| channel.messages.remove(&micros));
        let Some(previous) = removed else { return };
        let event = json!({
            "type": "message",
            "subtype": "message_deleted",
            "hidden": true,
            "deleted_ts": ts,
            "ts": ids::timestamp(now),
            "event_ts": ids::timestamp(now),
            "previous_message": written::message(self, channel, &previous, true),
        });
        self.tell(channel, event);
    }

    fn tell(&mut self, channel: &str, mut event: Value) {
        // An app hears only of channels it is in, and nothing at all without its token.
        if !self.bot_is_in(channel) || self.token != super::super::state::Token::Good {
            return;
        }
        event["channel"] = channel.into();
        event["channel_type"] = self
            .channels
            .get(channel)
            .map_or("channel", written::channel_type)
            .into();
        let payload = self.callback(&event);
        self.events.push(payload);
    }

    /// An event in its outer form.
    pub(in crate::slack) fn callback(&mut self, event: &Value) -> Value {
        let number = self.events.next_number();
        json!({
            "token": "verification-token",
            "team_id": self.team,
            "api_app_id": self.app,
            "event": event,
            "type": "event_callback",
            "event_id": ids::id('E', number),
            "event_time": self.now_ms / 1_000,
            "authorizations": [{ "team_id": self.team, "user_id": self.bot, "is_bot": true }],
        })
    }
}
