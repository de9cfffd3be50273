//! The platform behind its HTTP port.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::json;

use super::account::{self, ACCESS_TOKEN, PHONE_NUMBER_ID};
use super::error::GraphError;
use super::hook::Hook;
use super::state::State;
use super::{media, receipt, send};
use crate::platform::{Answer, Call, Platform, PlatformClock};

/// The WhatsApp Cloud API with one business number. Put on a port by [`crate::platform::start`].
#[derive(Default)]
pub struct WhatsAppDouble {
    /// Its clock: what the 24 hours, rates and the life of links are counted by.
    pub clock: PlatformClock,
    pub(super) hook: Arc<Hook>,
    state: Mutex<State>,
}

impl WhatsAppDouble {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_token(&self, call: &Call) -> Result<(), GraphError> {
        let given = call.authorization("bearer").ok_or_else(GraphError::no_token)?;
        let is_good = given == ACCESS_TOKEN && self.state().token_is_good;
        is_good.then_some(()).ok_or_else(GraphError::token_refused)
    }

    async fn execute(&self, call: &Call) -> Result<Answer, GraphError> {
        self.check_token(call)?;
        let segments: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let ok = |value| Answer::json(StatusCode::OK, &value);
        match (&call.method, &segments[..]) {
            (&Method::GET, ["whatsapp_business", "attachments"]) => Ok(media::download(self, call)),
            (&Method::GET, [_, PHONE_NUMBER_ID]) => Ok(ok(account::phone_number())),
            (&Method::POST, [_, PHONE_NUMBER_ID, "media"]) => media::upload(self, call).await.map(ok),
            (&Method::POST, [_, PHONE_NUMBER_ID, "messages"]) => {
                let body = call
                    .json()
                    .ok_or_else(|| GraphError::invalid("The body is not JSON."))?;
                match body.get("status") {
                    Some(_) => receipt::mark(self, &body).map(ok),
                    None => send::send(self, &body).map(ok),
                }
            }
            (&Method::GET, [_, id]) => media::look_up(self, id, call).map(ok),
            (&Method::DELETE, [_, id]) => media::delete(self, id).map(|()| ok(json!({ "success": true }))),
            (_, [_, id, ..]) => Err(GraphError::no_object(id)),
            _ => Err(GraphError::no_object("")),
        }
    }
}

#[async_trait]
impl Platform for WhatsAppDouble {
    async fn answer(&self, call: Call) -> Answer {
        let answered = self.execute(&call).await;
        answered.unwrap_or_else(|error| error.answer())
    }

    fn busy(&self, _: &Call, _: Duration) -> Answer {
        // Graph does not say when to come back.
        GraphError::rate_limit().answer()
    }

    fn is_effect(&self, call: &Call) -> bool {
        let marks = || call.json().is_some_and(|body| body.get("status").is_some());
        call.method == Method::POST && call.path.ends_with("/messages") && !marks()
    }
}
