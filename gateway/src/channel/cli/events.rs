//! `GET /v1/chats/{chat}/events?after=<seq>`: what happens in a chat, one JSON object per line, until either side ends it.
//!
//! Replies come when delivery offers them. With `after`, the ones that were delivered to somebody else since that
//! position come first; what is still waiting comes by its own delivery. A reply may come twice: clients know it by id.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bus::{Hint, Interest, Listener};
use bytes::Bytes;
use futures::stream;
use http::header::CONTENT_TYPE;
use proto::ids::ChatId;
use proto::outbound::{Delivery, OutboxState};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::clients::Connected;
use super::messages::not_local;
use super::wire::{Event, ReplyEvent};
use super::{CliApi, chat_of, chat_seen, group_of};
use crate::http::{ApiError, Params};

/// How often a quiet stream shows that the node is there.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Delivered replies repeated to a client that comes back; who missed more reads them elsewhere.
const REPEATED_MAX: u32 = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// Position up to which the client has shown replies; none: only new ones.
    after: Option<i64>,
}

pub(super) async fn get(
    State(api): State<CliApi>,
    Path(chat): Path<String>,
    Params(query): Params<Query>,
) -> Result<Response, ApiError> {
    let group = group_of(&chat).ok_or_else(|| not_local(&chat))?;
    if api.store.group(&group).await?.is_none() {
        return Err(ApiError::no_such_group(group.as_str()));
    }
    let chat = chat_of(&group);
    // From now on its replies are delivered here.
    api.directory
        .see(&chat_seen(&group, &api.gateway, api.clock.now()))
        .await?;
    // Listening begins before the rows are read: what happens in between comes twice rather than never.
    let hints = api.hints.listen(Interest::Group(group));
    let client = api
        .clients
        .connect(&chat)
        .map_err(|error| ApiError::busy(error.to_string()))?;
    let missed = match query.after {
        Some(after) => delivered_after(&api, &chat, after).await?,
        None => VecDeque::new(),
    };
    api.poke();
    let feed = Feed {
        missed,
        client,
        hints,
        stop: api.stop,
    };
    let lines = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line(&event)), feed))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

async fn delivered_after(api: &CliApi, chat: &ChatId, after: i64) -> Result<VecDeque<ReplyEvent>, ApiError> {
    let rows = api.store.deliveries_after(chat, after, REPEATED_MAX).await?;
    Ok(rows
        .into_iter()
        .filter(|delivery| delivery.state == OutboxState::Sent)
        .map(
            |Delivery {
                 seq, id, text, sender, ..
             }| ReplyEvent { seq, id, text, sender },
        )
        .collect())
}

struct Feed {
    missed: VecDeque<ReplyEvent>,
    client: Connected,
    hints: Box<dyn Listener>,
    stop: CancellationToken,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        if let Some(reply) = self.missed.pop_front() {
            return Some(Event::Reply(reply));
        }
        // One timer per line, not per hint: hints that show nothing must not keep a quiet stream silent.
        let mut quiet = std::pin::pin!(tokio::time::sleep(ALIVE_EVERY));
        loop {
            tokio::select! {
                // A reply that is on offer when the node stops is still worth a line.
                biased;
                reply = self.client.next() => return reply.map(Event::Reply),
                () = self.stop.cancelled() => return None,
                hint = self.hints.next() => if let Some(event) = hint.and_then(|hint| self.shown(hint)) {
                    return Some(event);
                },
                () = &mut quiet => return Some(Event::Alive),
            }
        }
    }

    fn shown(&self, hint: Hint) -> Option<Event> {
        match hint {
            Hint::Working { on, .. } => Some(Event::Working { on }),
            Hint::Progress { progress, .. } => Some(Event::Progress {
                kind: progress.kind,
                text: progress.text,
            }),
            _ => None,
        }
    }
}

fn line(event: &Event) -> Bytes {
    let mut line = serde_json::to_vec(event).expect("events are plain data with text keys");
    line.push(b'\n');
    line.into()
}
