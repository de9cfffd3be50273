//! Setting, deleting and describing a bot's webhook.

use serde_json::{Value, json};

use super::TelegramDouble;
use super::error::ApiError;
use super::params::Params;
use super::polling::{WEBHOOK_SET, end_poll};
use super::state::Webhook;

/// Longest secret token.
const SECRET_CHARS_MAX: usize = 256;

impl TelegramDouble {
    pub(super) fn set_webhook(&self, token: &str, params: &Params) -> Result<Value, ApiError> {
        let url = params.text("url").unwrap_or_default();
        if url.is_empty() {
            return self.delete_webhook(token, params);
        }
        if !url.starts_with("https://") && !url.starts_with("http://127.0.0.1:") {
            return Err(ApiError::bad_request(
                "bad webhook: An HTTPS URL must be provided for webhook",
            ));
        }
        let secret = params.text("secret_token").map(str::to_owned);
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(secret) = &secret {
            if secret.is_empty() || secret.len() > SECRET_CHARS_MAX {
                return Err(ApiError::bad_request(
                    "secret token must be between 1 and 256 characters",
                ));
            }
            if !secret.chars().all(allowed) {
                return Err(ApiError::bad_request("secret token contains unallowed characters"));
            }
        }
        let mut state = self.state();
        let bot = state.bot(token)?;
        bot.webhook = Some(Webhook {
            url: url.to_owned(),
            secret,
            last_error: None,
        });
        if let Some(allowed) = params.object("allowed_updates") {
            bot.allowed = serde_json::from_value(allowed).ok();
        }
        forget_pending(bot, params);
        end_poll(bot, WEBHOOK_SET);
        drop(state);
        self.wake();
        Ok(json!(true))
    }

    pub(super) fn delete_webhook(&self, token: &str, params: &Params) -> Result<Value, ApiError> {
        let mut state = self.state();
        let bot = state.bot(token)?;
        bot.webhook = None;
        forget_pending(bot, params);
        Ok(json!(true))
    }

    pub(super) fn webhook_info(&self, token: &str) -> Result<Value, ApiError> {
        let mut state = self.state();
        let bot = state.bot(token)?;
        let pending = bot.updates.len();
        let webhook = bot.webhook.as_ref();
        let url = webhook.map_or("", |webhook| &webhook.url);
        let mut info = json!({ "url": url, "has_custom_certificate": false, "pending_update_count": pending });
        if let Some((at, why)) = webhook.and_then(|webhook| webhook.last_error.as_ref()) {
            info["last_error_date"] = json!(at);
            info["last_error_message"] = json!(why);
        }
        Ok(info)
    }
}

fn forget_pending(bot: &mut super::state::Bot, params: &Params) {
    let drops = params.object("drop_pending_updates");
    if drops == Some(json!(true)) {
        bot.updates.clear();
    }
}
