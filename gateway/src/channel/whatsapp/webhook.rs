//! The webhook: `GET` proves to Meta that it is ours, `POST` takes notifications. Meta repeats one until it is answered with
//! 200, so that is the answer only when everything in it is durable; what was taken before is then a duplicate.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::routing::get;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use sha2::Sha256;
use store::Noted;
use subtle::ConstantTimeEq as _;

use super::notification::{Change, Contact, Entry, Message, Notification, Status, Value};
use super::recent::Said;
use super::{WhatsAppChannel, events};
use crate::channel::{Inbound, lenient};
use crate::intake::Refused;

/// Path of the webhook.
pub(super) const PATH: &str = "/whatsapp/webhook";
/// Header with `sha256=` and the HMAC of the body.
const SIGNATURE: &str = "x-hub-signature-256";
/// Largest notification: Meta sends up to 3 MB.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Clone)]
struct Hook {
    channel: Arc<WhatsAppChannel>,
    inbound: Inbound,
}

/// What Meta asks with.
#[derive(Deserialize)]
struct Challenge {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.verify_token")]
    token: String,
    #[serde(rename = "hub.challenge")]
    challenge: String,
}

pub(super) fn router(channel: Arc<WhatsAppChannel>, inbound: Inbound) -> Router {
    Router::new()
        .route(PATH, get(verify).post(notify))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Hook { channel, inbound })
}

async fn verify(State(hook): State<Hook>, Query(asked): Query<Challenge>) -> Result<String, StatusCode> {
    let known = hook.channel.verify_token.expose().as_bytes();
    let is_known: bool = known.ct_eq(asked.token.as_bytes()).into();
    if asked.mode == "subscribe" && is_known {
        tracing::info!(channel.name = super::CHANNEL, "the webhook was verified");
        Ok(asked.challenge)
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}

async fn notify(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(hook.channel.app_secret.expose().as_bytes(), &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(notification) = read(&body) else {
        // Signed, so it is Meta's; said again it would not be understood either.
        tracing::warn!(channel.name = super::CHANNEL, "a notification is not understood");
        return StatusCode::OK;
    };
    let changes = notification.entry.iter().flat_map(|entry| &entry.changes);
    let mut all_taken = true;
    for change in changes.filter(|change| change.field == "messages") {
        let value = &change.value;
        // Another number of the same app.
        if value.metadata.phone_number_id != hook.channel.phone_number_id {
            continue;
        }
        for message in &value.messages {
            all_taken &= hook.take(value, message).await;
        }
        for status in &value.statuses {
            all_taken &= hook.note(status).await;
        }
    }
    match all_taken {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A notification without those of its parts that are not understood: Meta puts many into one, and the others would be lost
/// with them.
fn read(body: &[u8]) -> Option<Notification> {
    let mut body: Json = serde_json::from_slice(body).ok()?;
    for entry in list(&mut body, "entry") {
        for change in list(entry, "changes") {
            if let Some(value) = change.get_mut("value") {
                keep::<Contact>(value, "contacts");
                keep::<Message>(value, "messages");
                keep::<Status>(value, "statuses");
            }
        }
        keep::<Change>(entry, "changes");
    }
    keep::<Entry>(&mut body, "entry");
    lenient::one(&body)
}

fn list<'j>(object: &'j mut Json, name: &str) -> &'j mut [Json] {
    let list = object.get_mut(name).and_then(Json::as_array_mut);
    list.map(Vec::as_mut_slice).unwrap_or_default()
}

/// Leaves in a list what is understood.
fn keep<T: DeserializeOwned>(object: &mut Json, name: &str) {
    if let Some(list) = object.get_mut(name).and_then(Json::as_array_mut) {
        list.retain(|part| lenient::one::<T>(part).is_some());
    } else if let Some(object) = object.as_object_mut() {
        object.remove(name);
    }
}

impl Hook {
    /// Whether the message need not be said again.
    async fn take(&self, value: &Value, message: &Message) -> bool {
        let channel = &self.channel;
        let event = events::event(&channel.phone_number_id, value, message, |id| channel.said.get(id));
        let Some((seen, event)) = event else { return true };
        channel
            .said
            .put(&message.id, Said::new(&event.sender_name, &event.text));
        channel.heard.put(seen.id.as_str(), (message.id.clone(), None));
        match self.inbound.take(&seen, event, None).await {
            Ok(_) => true,
            Err(Refused::Unavailable(cause)) => {
                tracing::warn!(
                    channel.name = super::CHANNEL,
                    error = &*cause,
                    "a message cannot be stored yet"
                );
                false
            }
            Err(refused) => {
                let error = &refused as &dyn std::error::Error;
                tracing::warn!(channel.name = super::CHANNEL, error, "a message was not taken");
                true
            }
        }
    }

    /// Whether the state need not be said again.
    async fn note(&self, status: &Status) -> bool {
        let Some(receipt) = events::receipt(status) else {
            return true;
        };
        let now = self.channel.clock.now();
        match self.channel.store.note_receipt(&receipt, now).await {
            Ok(Noted::Kept | Noted::Unknown) => true,
            Ok(Noted::NotYet) => false,
            Ok(Noted::Arrived(delivery)) => {
                tracing::info!(delivery.id = %delivery.id, "what was in doubt has arrived");
                true
            }
            Ok(Noted::Failed(delivery)) => {
                let reason = receipt.reason.as_deref().unwrap_or("WhatsApp did not deliver it");
                self.inbound.tell_failed(&delivery, reason, now).await.is_ok()
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    channel.name = super::CHANNEL,
                    error,
                    "a state of a message cannot be stored yet"
                );
                false
            }
        }
    }
}

/// Whether a body is Meta's, in constant time.
fn is_signed(secret: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let mut code = [0; 32];
    let read = headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok()?.strip_prefix("sha256="))
        .and_then(|digits| hex::decode_to_slice(digits, &mut code).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length of key is taken");
    mac.update(body);
    read.is_some() && mac.verify_slice(&code).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_understood_of_a_notification_does_not_take_the_rest_with_it() {
        let message = |id: &str| json!({ "from": "49", "id": id, "type": "text", "text": { "body": "hi" } });
        let odd = json!({ "from": "49", "id": "odd", "type": "text", "text": { "body": 7 } });
        let value = json!({
            "metadata": { "phone_number_id": "1" },
            "contacts": [null, { "wa_id": "49", "profile": { "name": "Ann" } }],
            "messages": [message("a"), odd, message("b")],
            "statuses": [{ "id": "c", "status": "read" }, { "id": "odd", "errors": "none" }],
        });
        let changes = json!([{ "field": "account", "value": 7 }, { "field": "messages", "value": value }, 7]);
        let body = json!({ "entry": [7, { "changes": changes }, { "changes": null }] });
        let read = read(body.to_string().as_bytes()).unwrap();
        let changes: Vec<&Change> = read.entry.iter().flat_map(|entry| &entry.changes).collect();
        let [change] = changes[..] else {
            panic!("{changes:?}");
        };
        let value = &change.value;
        let ids: Vec<&str> = value.messages.iter().map(|message| message.id.as_str()).collect();
        assert_eq!((ids, value.statuses.len()), (vec!["a", "b"], 1));
        assert_eq!(value.contacts[0].profile.name, "Ann");
    }

    #[test]
    fn what_is_no_notification_at_all_is_none() {
        for body in ["", "7", "nonsense"] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
