//! `GET /v1/status`: how the node is.

use axum::Json;
use axum::extract::State;

use super::ControlApi;
use super::wire::{Status, StatusCounts};
use crate::http::ApiError;

pub(super) async fn get(State(api): State<ControlApi>) -> Result<Json<Status>, ApiError> {
    let counts = api.store.counts(api.clock.now()).await?;
    let readiness = serde_json::to_value(api.readiness.report()).expect("a report is plain data with text keys");
    Ok(Json(Status {
        version: api.version.to_owned(),
        readiness,
        counts: StatusCounts {
            groups: counts.groups,
            waiting_groups: counts.waiting_groups,
            owned_groups: counts.owned_groups,
            outbox_pending: counts.outbox_pending,
            outbox_uncertain: counts.outbox_uncertain,
            outbox_dead: counts.outbox_dead,
            dead_letters: counts.dead_letters,
        },
    }))
}
