//! `GET /v1/dead-letters`: messages that were given up.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::ControlApi;
use super::wire::{DeadLetter, DeadLetters};
use crate::http::{ApiError, Params};

/// Dead letters in one answer.
const LIMIT_MAX: u32 = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<u32>,
}

pub(super) async fn list(
    State(api): State<ControlApi>,
    Params(query): Params<Query>,
) -> Result<Json<DeadLetters>, ApiError> {
    let limit = query.limit.unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
    let letters = api.store.dead_letters(limit).await?;
    let shown = |letter: store::DeadLetter| {
        let envelope = letter.message.envelope;
        DeadLetter {
            group: envelope.group,
            ord: letter.message.ord,
            chat: envelope.chat,
            sender: envelope.sender,
            text: envelope.text,
            sent_at: envelope.sent_at,
            reason: letter.reason,
            at: letter.at,
        }
    };
    Ok(Json(DeadLetters {
        dead_letters: letters.into_iter().map(shown).collect(),
    }))
}
