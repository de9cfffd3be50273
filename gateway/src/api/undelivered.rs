//! `GET /v1/undelivered`: replies that did not arrive, or may not have.

use axum::Json;
use axum::extract::State;

use super::ControlApi;
use super::dead_letters::Query;
use super::wire::{UndeliveredReplies, UndeliveredReply};
use crate::http::{ApiError, Params};

pub(super) async fn list(
    State(api): State<ControlApi>,
    Params(query): Params<Query>,
) -> Result<Json<UndeliveredReplies>, ApiError> {
    let rows = api.store.undelivered(query.limit()).await?;
    let shown = |row: store::Undelivered| UndeliveredReply {
        id: row.delivery.id,
        group: row.delivery.group,
        chat: row.delivery.chat,
        state: row.delivery.state,
        text: row.delivery.text,
        reason: row.reason.unwrap_or_default(),
        at: row.at,
    };
    Ok(Json(UndeliveredReplies {
        undelivered: rows.into_iter().map(shown).collect(),
    }))
}
