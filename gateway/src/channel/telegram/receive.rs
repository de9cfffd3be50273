//! Reading updates: by long polls, or by making sure that Telegram calls our webhook.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, CallError};
use super::events::{self, Question, Said};
use super::format::escape;
use super::place::Place;
use super::webhook::Webhook;
use super::wire::{ALLOWED_UPDATES, Chat, Update, User, WebhookInfo};
use super::{CHANNEL, ReceiveError, TelegramChannel};
use crate::channel::{Feed, Inbound};
use crate::intake::Refused;

/// How long Telegram waits for an update before it answers a poll with none. A feed is taken for dead after four of these.
const POLL_WAIT: Duration = Duration::from_secs(25);
/// What an answer may take beyond that.
const POLL_GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether Telegram still calls the webhook.
const WEBHOOK_LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where updates go.
pub(super) enum Way<'a> {
    /// From a poll: each is taken, however long that takes.
    Feed(&'a Feed),
    /// From a webhook: what cannot be taken now is called again.
    Inbound(&'a Inbound),
}

impl TelegramChannel {
    /// Polls until something goes wrong.
    pub(super) async fn poll(&self, feed: &Feed) -> Result<(), ReceiveError> {
        let me = self.me().await.map_err(CallError::for_feed)?;
        // Telegram refuses polls while a webhook is set; what it holds for the webhook comes by the polls.
        let kept = json!({ "drop_pending_updates": false });
        self.api
            .call::<Value>("deleteWebhook", &kept)
            .await
            .map_err(CallError::for_feed)?;
        // After a conflict the feed counts as open only when a whole wait has passed well: the rival would otherwise make it
        // come and go.
        let was_troubled = self.troubled.load(Ordering::Relaxed);
        let mut wait = if was_troubled { POLL_WAIT } else { Duration::ZERO };
        let mut offset = None;
        loop {
            let updates = match updates(&self.api, offset, wait).await {
                Ok(updates) => updates,
                Err(error) => {
                    let error = error.for_feed();
                    let has_rival = matches!(error, ReceiveError::Conflict(_));
                    self.troubled.store(has_rival, Ordering::Relaxed);
                    return Err(error);
                }
            };
            self.troubled.store(false, Ordering::Relaxed);
            feed.live();
            wait = POLL_WAIT;
            // This answer acknowledged all that came before. After a quiet week Telegram begins anew with other numbers,
            // and an offset kept over that would acknowledge updates that nobody has seen.
            offset = None;
            for update in updates {
                if let Some(id) = update["update_id"].as_i64() {
                    offset = Some(id + 1);
                }
                match serde_json::from_value::<Update>(update) {
                    // A feed takes everything.
                    Ok(update) => drop(self.take(&Way::Feed(feed), &update, me).await),
                    Err(error) => tracing::warn!(%error, "an update of Telegram is not understood"),
                }
            }
        }
    }

    /// Sets the webhook, and looks after it until something goes wrong.
    pub(super) async fn watch(&self, feed: &Feed, webhook: &Webhook) -> Result<(), ReceiveError> {
        self.me().await.map_err(CallError::for_feed)?;
        let parameters = json!({
            "url": webhook.url,
            "secret_token": webhook.secret,
            "allowed_updates": ALLOWED_UPDATES,
        });
        self.api
            .call::<Value>("setWebhook", &parameters)
            .await
            .map_err(CallError::for_feed)?;
        let set_at = self.clock.now();
        if !self.troubled.load(Ordering::Relaxed) {
            feed.live();
        }
        loop {
            tokio::time::sleep(WEBHOOK_LOOK_EVERY).await;
            let info: WebhookInfo = self
                .api
                .call("getWebhookInfo", &json!({}))
                .await
                .map_err(CallError::for_feed)?;
            let trouble = webhook.trouble(&info, set_at);
            self.troubled.store(trouble.is_some(), Ordering::Relaxed);
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            feed.live();
        }
    }

    /// Who the bot is; asked once.
    pub(super) async fn me(&self) -> Result<&User, CallError> {
        self.me.get_or_try_init(|| self.api.me()).await
    }

    /// Takes one update.
    pub(super) async fn take(&self, way: &Way<'_>, update: &Update, me: &User) -> Result<(), Refused> {
        let (mut seen, event) = match events::read(update, me) {
            Said::Nothing => return Ok(()),
            Said::Asked(question, place, chat) => {
                self.answer(question, place, &chat).await;
                return Ok(());
            }
            Said::Started(event) => {
                let known = self.store.chat(&event.0.id).await?;
                // Who has a group would call the agent by it.
                if known.is_some_and(|chat| chat.group.is_some()) {
                    return Ok(());
                }
                *event
            }
            Said::Left { from, to } => {
                self.moved.note(from, to);
                return Ok(());
            }
            Said::Event(event) => *event,
        };
        if let (Some(place), None) = (Place::parse(&seen.id), &seen.parent) {
            // A group that moved keeps what it was registered to.
            seen.parent = self.moved.origin(place.chat).map(|from| Place::chat(from).id());
        }
        match way {
            Way::Feed(feed) => drop(feed.take(&seen, event).await),
            Way::Inbound(inbound) => drop(inbound.take(&seen, event, None).await?),
        }
        Ok(())
    }

    /// TG-02. Best effort: who gets no answer asks again.
    async fn answer(&self, question: Question, place: Place, chat: &Chat) {
        let text = match question {
            Question::ChatId => format!(
                "Chat ID: <code>{}</code>\nName: {}\nType: {}",
                place.id(),
                escape(&events::chat_name(chat)),
                escape(&chat.kind)
            ),
            Question::Ping => format!("{} is online.", escape(&self.assistant_name)),
        };
        let mut parameters = json!({ "chat_id": place.chat, "text": text, "parse_mode": "HTML" });
        if let Some(thread) = place.thread {
            parameters["message_thread_id"] = json!(thread);
        }
        if let Err(error) = self.api.call::<Value>("sendMessage", &parameters).await {
            tracing::warn!(
                channel.name = CHANNEL,
                ?error,
                "a question about the bot could not be answered"
            );
        }
    }
}

async fn updates(api: &Api, offset: Option<i64>, wait: Duration) -> Result<Vec<Value>, CallError> {
    let mut parameters = json!({ "timeout": wait.as_secs(), "allowed_updates": ALLOWED_UPDATES });
    if let Some(offset) = offset {
        parameters["offset"] = json!(offset);
    }
    api.call_within("getUpdates", &parameters, wait + POLL_GRACE).await
}
