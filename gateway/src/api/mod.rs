//! The control API: what the operator asks and changes. Served on the node's Unix socket only, which is open to its owner;
//! nothing here authenticates.

mod channels;
mod chats;
mod dead_letters;
mod groups;
mod pairings;
mod status;
mod tasks;
mod undelivered;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, patch, post, put};
use bus::Hints;
use chrono_tz::Tz;
use proto::ids::IdSource;
use proto::time::Clock;
use service::readiness::Readiness;
use store::Store;

use crate::directory::Directory;
use crate::health::HealthRegistry;
use crate::http::ApiError;

/// What the endpoints work with.
#[derive(Clone)]
pub struct ControlApi {
    /// Name of this gateway: the account of the local chat of a group that is added here.
    pub gateway: String,
    /// Forgets what is changed here.
    pub directory: Arc<Directory>,
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Says that tasks changed.
    pub hints: Arc<dyn Hints>,
    /// Ids of tasks that are given none.
    pub ids: Arc<dyn IdSource>,
    /// Zone of tasks whose group has none of its own.
    pub timezone: Tz,
    /// Stamps what is registered.
    pub clock: Arc<dyn Clock>,
    /// What `/readyz` says, too.
    pub readiness: Readiness,
    /// Who asks to be paired.
    pub pairings: crate::command::Pairings,
    /// How accounts are.
    pub accounts: HealthRegistry,
    /// Version of the binary.
    pub version: &'static str,
}

impl ControlApi {
    /// The endpoints.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/status", get(status::get))
            .route("/v1/groups", get(groups::list).post(groups::add))
            .route("/v1/groups/{group}", patch(groups::change).delete(groups::remove))
            .route("/v1/channels", get(channels::list))
            .route("/v1/chats", get(chats::list))
            .route("/v1/chats/{chat}/group", put(chats::register))
            .route("/v1/pairings", get(pairings::list))
            .route("/v1/pairings/{code}", delete(pairings::reject))
            .route("/v1/pairings/{code}/approve", post(pairings::approve))
            .route("/v1/dead-letters", get(dead_letters::list))
            .route("/v1/undelivered", get(undelivered::list))
            .merge(tasks::routes())
            .with_state(self)
    }
}

/// Answer to a path that is none.
pub(crate) async fn no_such_path() -> ApiError {
    ApiError::not_found("there is nothing under this path")
}
