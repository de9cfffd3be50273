//! `GET /v1/dead-letters`: messages that were given up.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::ControlApi;
use super::wire::{DeadLetter, DeadLetters};
use crate::http::{ApiError, Params};

/// Rows in one answer.
const LIMIT_MAX: u32 = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<u32>,
}

impl Query {
    /// How many are asked for, of those that are shown at most.
    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT_MAX).min(LIMIT_MAX)
    }
}

pub(super) async fn list(
    State(api): State<ControlApi>,
    Params(query): Params<Query>,
) -> Result<Json<DeadLetters>, ApiError> {
    let letters = api.store.dead_letters(query.limit()).await?;
    let shown = |letter: store::DeadLetter| {
        let (envelope, ord, text) = match letter.letter {
            store::Letter::Message(message) => (Some(message.envelope), Some(message.ord), None),
            store::Letter::Unclaimed(envelope) => (Some(envelope), None, None),
            store::Letter::Malformed(malformed) => (None, None, Some(malformed.excerpt)),
        };
        DeadLetter {
            group: envelope.as_ref().map(|envelope| envelope.group.clone()),
            ord,
            chat: envelope.as_ref().map(|envelope| envelope.chat.clone()),
            sender: envelope.as_ref().map(|envelope| envelope.sender.clone()),
            sent_at: envelope.as_ref().map(|envelope| envelope.sent_at),
            text: envelope.map(|envelope| envelope.text).or(text).unwrap_or_default(),
            reason: letter.reason,
            at: letter.at,
        }
    };
    Ok(Json(DeadLetters {
        dead_letters: letters.into_iter().map(shown).collect(),
    }))
}
