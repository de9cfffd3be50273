//! Pushing updates to a bot's webhook, when a test says so.

use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::TelegramDouble;
use crate::platform::push;

impl TelegramDouble {
    /// Pushes the oldest update to the webhook of the bot with this token; a good answer acknowledges it. `None`: there is
    /// no webhook or nothing to push. An unreachable webhook counts as 502.
    pub async fn push_update(&self, token: &str) -> Option<StatusCode> {
        let (webhook, id, update) = {
            let mut state = self.state();
            let bot = state.bot(token).ok()?;
            let (id, update) = bot.updates.front()?.clone();
            (bot.webhook.clone()?, id, update)
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(secret) = webhook.secret.and_then(|secret| HeaderValue::try_from(secret).ok()) {
            headers.insert("x-telegram-bot-api-secret-token", secret);
        }
        let pushed = push(Method::POST, &webhook.url, headers, update.to_string()).await;
        let status = pushed.map_or(StatusCode::BAD_GATEWAY, |pushed| pushed.status);
        let now = self.clock.now_s();
        let mut state = self.state();
        let bot = state.bot(token).ok()?;
        if status.is_success() {
            bot.updates.retain(|(kept, _)| *kept != id);
        } else if let Some(webhook) = &mut bot.webhook {
            let why = format!("Wrong response from the webhook: {status}");
            webhook.last_error = Some((now, why));
        }
        Some(status)
    }

    /// Pushes until nothing is left or one is not taken; the answers in order.
    pub async fn push_updates(&self, token: &str) -> Vec<StatusCode> {
        let mut answers = Vec::new();
        while let Some(status) = self.push_update(token).await {
            answers.push(status);
            if !status.is_success() {
                break;
            }
        }
        answers
    }
}
