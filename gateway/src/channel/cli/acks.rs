//! `POST /v1/chats/{chat}/acks`: a client has shown a reply.

use axum::extract::{Path, State};
use http::StatusCode;
use proto::ids::ChatId;

use super::CliApi;
use super::wire::Ack;
use crate::http::JsonBody;

pub(super) async fn post(
    State(api): State<CliApi>,
    Path(chat): Path<String>,
    JsonBody(ack): JsonBody<Ack>,
) -> StatusCode {
    if api.clients.acknowledge(&ChatId::new(chat), ack.id) {
        api.poke();
    }
    StatusCode::NO_CONTENT
}
