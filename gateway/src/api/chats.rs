//! `/v1/chats`: which chats are known, and to which group they belong.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use proto::ids::ChatId;

use super::ControlApi;
use super::wire::{Chats, Registration};
use crate::http::{ApiError, JsonBody};

pub(super) async fn list(State(api): State<ControlApi>) -> Result<Json<Chats>, ApiError> {
    Ok(Json(Chats {
        chats: api.store.chats().await?,
    }))
}

pub(super) async fn register(
    State(api): State<ControlApi>,
    Path(chat): Path<String>,
    JsonBody(registration): JsonBody<Registration>,
) -> Result<StatusCode, ApiError> {
    let id = ChatId::new(&*chat);
    let registered = api.store.register_chat(&id, registration.group.as_ref()).await;
    api.directory.forget_chat(&id);
    registered?;
    match registration.group {
        Some(group) => tracing::info!(chat.id = chat, group.id = %group, "chat registered"),
        None => tracing::info!(chat.id = chat, "chat unregistered"),
    }
    Ok(StatusCode::NO_CONTENT)
}
