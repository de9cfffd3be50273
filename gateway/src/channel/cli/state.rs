//! `GET /v1/chats/{chat}/state`: what is still on its way in this chat.

use axum::Json;
use axum::extract::{Path, State};
use proto::ids::ChatId;

use super::CliApi;
use super::wire::ChatState;
use crate::http::ApiError;

pub(super) async fn get(State(api): State<CliApi>, Path(chat): Path<String>) -> Result<Json<ChatState>, ApiError> {
    let open = api.store.chat_activity(&ChatId::new(chat)).await?;
    Ok(Json(ChatState {
        unanswered: open.unanswered,
        undelivered: open.undelivered,
    }))
}
