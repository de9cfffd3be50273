//! `/v1/pairings`: chats that ask to be brought to a group.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::ControlApi;
use super::wire::{Approval, Paired, PairingShown, Pairings};
use crate::http::{ApiError, JsonBody};

/// Who acts here: the node's owner, to whom alone the socket is open.
const OPERATOR: &str = "operator";

pub(super) async fn list(State(api): State<ControlApi>) -> Result<Json<Pairings>, ApiError> {
    let waiting = api.pairings.list().await?;
    let shown = |waiting: crate::command::Waiting| PairingShown {
        code: waiting.pairing.code,
        chat: waiting.pairing.chat,
        name: waiting.name,
        asked_at: waiting.pairing.asked_at,
    };
    Ok(Json(Pairings {
        pairings: waiting.into_iter().map(shown).collect(),
    }))
}

pub(super) async fn approve(
    State(api): State<ControlApi>,
    Path(code): Path<String>,
    JsonBody(approval): JsonBody<Approval>,
) -> Result<Json<Paired>, ApiError> {
    let approved = api.pairings.approve(&code, approval.group.as_deref(), OPERATOR).await?;
    let approved = approved.map_err(ApiError::not_found)?;
    Ok(Json(Paired {
        chat: approved.chat,
        group: approved.group,
    }))
}

pub(super) async fn reject(State(api): State<ControlApi>, Path(code): Path<String>) -> Result<StatusCode, ApiError> {
    api.pairings
        .reject(&code, OPERATOR)
        .await?
        .map_err(ApiError::not_found)?;
    Ok(StatusCode::NO_CONTENT)
}
