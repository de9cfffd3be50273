//! `getUpdates`: long polls, acknowledgement by offset, and only one poller at a time.

use std::time::Duration;

use serde_json::{Value, json};

use super::TelegramDouble;
use super::error::ApiError;
use super::params::Params;
use super::state::Bot;

/// Updates of one answer, unless fewer are asked for.
const LIMIT_MAX: i64 = 100;
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_secs(50);

/// Said to a poller when another one begins.
pub(super) const OTHER_POLLER: &str =
    "terminated by other getUpdates request; make sure that only one bot instance is running";
/// Said to a poller when a webhook is set.
pub(super) const WEBHOOK_SET: &str = "terminated by setWebhook request";
const WEBHOOK_ACTIVE: &str =
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

impl TelegramDouble {
    pub(super) async fn get_updates(&self, token: &str, params: &Params) -> Result<Value, ApiError> {
        let mut changes = self.changed.subscribe();
        let wait = Duration::from_secs(params.number("timeout").unwrap_or(0).try_into().unwrap_or(0)).min(WAIT_MAX);
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        let poll = self.begin_poll(token, params)?;
        loop {
            changes.borrow_and_update();
            let found = self.updates(token, poll, params)?;
            if !found.is_empty() {
                return Ok(json!(found));
            }
            tokio::select! {
                () = &mut deadline => return Ok(json!([])),
                _ = changes.changed() => {}
            }
        }
    }

    /// Becomes the poller: an older poll is terminated, and what the offset acknowledges is forgotten.
    fn begin_poll(&self, token: &str, params: &Params) -> Result<u64, ApiError> {
        let mut state = self.state();
        let bot = state.bot(token)?;
        if bot.webhook.is_some() {
            return Err(ApiError::conflict(WEBHOOK_ACTIVE));
        }
        if let Some(allowed) = params.object("allowed_updates") {
            bot.allowed = serde_json::from_value(allowed).ok();
        }
        let offset = params.number("offset").unwrap_or(0);
        acknowledge(bot, offset);
        let poll = end_poll(bot, OTHER_POLLER);
        drop(state);
        self.wake();
        Ok(poll)
    }

    fn updates(&self, token: &str, poll: u64, params: &Params) -> Result<Vec<Value>, ApiError> {
        let mut state = self.state();
        let bot = state.bot(token)?;
        if bot.poll != poll {
            return Err(ApiError::conflict(bot.poll_ended_by));
        }
        let limit = params.number("limit").unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
        let limit = usize::try_from(limit).unwrap_or(1);
        Ok(bot
            .updates
            .iter()
            .take(limit)
            .map(|(_, update)| update.clone())
            .collect())
    }
}

/// Ends the poll under way; the number of the next one.
pub(super) fn end_poll(bot: &mut Bot, why: &'static str) -> u64 {
    bot.poll += 1;
    bot.poll_ended_by = why;
    bot.poll
}

/// Updates before the offset are done with; a negative one counts from the end.
fn acknowledge(bot: &mut Bot, offset: i64) {
    if offset > 0 {
        bot.updates.retain(|(id, _)| *id >= offset);
    } else if offset < 0 {
        let kept = usize::try_from(-offset).unwrap_or(usize::MAX);
        let surplus = bot.updates.len().saturating_sub(kept);
        bot.updates.drain(..surplus);
    }
}
