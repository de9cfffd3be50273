//! `GET /v1/chats/{chat}/state`: what is still on its way in this chat.

use axum::Json;
use axum::extract::{Path, State};
use proto::ids::ChatId;

use super::CliApi;
use super::wire::ChatState;
use crate::http::ApiError;

pub(super) async fn get(State(api): State<CliApi>, Path(chat): Path<String>) -> Result<Json<ChatState>, ApiError> {
    let chat = ChatId::new(chat);
    // First: what is indexed by now is seen in the inbox by the second look.
    let on_its_way = api.intake.has_unindexed(&chat, &*api.store).await?;
    let open = api.store.chat_activity(&chat).await?;
    Ok(Json(ChatState {
        unanswered: open.unanswered + u64::from(on_its_way),
        undelivered: open.undelivered,
    }))
}
