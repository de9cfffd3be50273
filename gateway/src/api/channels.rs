//! `GET /v1/channels`: how the accounts of this gateway are.

use axum::Json;
use axum::extract::State;

use super::ControlApi;
use super::wire::Channels;

pub(super) async fn list(State(api): State<ControlApi>) -> Json<Channels> {
    Json(Channels {
        accounts: api.accounts.report(),
    })
}
