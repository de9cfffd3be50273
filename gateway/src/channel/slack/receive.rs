//! The feed: a socket, or watching over the Events API.
//!
//! An envelope is acknowledged when its event is stored; what was not acknowledged comes again, over this socket or the next.

use std::time::Duration;

use proto::time::{Monotonic, Timestamp};
use serde_json::Value;

use super::Slack;
use super::gap::{Gap, OVERLAP};
use super::model::{Callback, Me};
use super::place::{sent_at, ts};
use super::session::{Session, Told};
use super::take::Way;
use crate::channel::{Feed, ReceiveError};
use serde::Deserialize as _;

/// Longest silence on a socket before it is looked around; Slack pings every few seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the position is saved.
const SAVE_EVERY: Duration = Duration::from_secs(15);
/// How often the account is looked at while Slack calls us.
const WATCH_EVERY: Duration = Duration::from_secs(30);
/// How often all histories are read while Slack calls us: it gives up a request after three tries within some minutes.
const SWEEP_EVERY: Duration = Duration::from_secs(900);

/// How far the feed was read, and when that was saved.
struct Progress {
    saved_at: Monotonic,
    has_heard: bool,
}

impl Slack {
    /// Reads a socket until it ends.
    pub(super) async fn read_socket(&self, feed: &Feed, me: &Me) -> Result<(), ReceiveError> {
        let since = position(feed).await?;
        let url = self.api.socket_url().await?;
        let mut session = self.sockets.open(&url).await?;
        match session.next(feed).await {
            Told::Hello => feed.live(),
            Told::Goodbye(reason) => return goodbye(&reason),
            Told::Over(reason) => return Err(ReceiveError::Failed(reason)),
            Told::Envelope { .. } => return Err(ReceiveError::Failed("Slack did not say hello".to_owned())),
        }
        if since.is_none() {
            // From here on nothing is missed.
            self.save(feed, self.clock.now()).await;
        }
        let mut gap = session.alongside(feed, self.gap(feed, since)).await?;
        let mut progress = Progress {
            saved_at: self.clock.monotonic(),
            has_heard: false,
        };
        loop {
            let told = match session.heard() {
                Some(told) => told,
                None => match gap.due(self.clock.monotonic()) {
                    Some(channel) => {
                        session.alongside(feed, self.fill(&mut gap, feed, me, &channel)).await?;
                        continue;
                    }
                    None => {
                        self.save_progress(feed, &gap, &mut progress).await;
                        match tokio::time::timeout(LOOK_EVERY, session.next(feed)).await {
                            Ok(told) => told,
                            Err(_) => continue,
                        }
                    }
                },
            };
            progress.has_heard = true;
            match told {
                Told::Hello => {}
                Told::Goodbye(reason) => return goodbye(&reason),
                Told::Over(reason) => return Err(ReceiveError::Failed(reason)),
                Told::Envelope { id, payload } => {
                    self.take_envelope(&mut session, &mut gap, feed, me, payload).await?;
                    session.acknowledge(&id).await?;
                }
            }
        }
    }

    async fn take_envelope(
        &self,
        session: &mut Session,
        gap: &mut Gap,
        feed: &Feed,
        me: &Me,
        payload: Option<Value>,
    ) -> Result<(), ReceiveError> {
        let event = match payload.map(|payload| Callback::deserialize(&payload)) {
            Some(Ok(callback)) => callback.event,
            Some(Err(_)) | None => return Ok(()),
        };
        let taking = async {
            let channel = event["channel"].as_str().unwrap_or_default();
            if gap.is_behind(channel) {
                self.fill(gap, feed, me, channel).await?;
            }
            // A feed waits until an event is stored, and drops with a warning what never can be.
            let _ = self.take_event(Way::Feed(feed), me, &event).await;
            Ok::<_, ReceiveError>(())
        };
        session.alongside(feed, taking).await
    }

    /// Saves the position from time to time: while a gap is open, it stays where the gap began.
    async fn save_progress(&self, feed: &Feed, gap: &Gap, progress: &mut Progress) {
        let now = self.clock.monotonic();
        let is_due = now.since(progress.saved_at) >= SAVE_EVERY && progress.has_heard && !gap.is_open();
        if is_due {
            self.save(feed, self.clock.now() - OVERLAP).await;
            *progress = Progress {
                saved_at: now,
                has_heard: false,
            };
        }
    }

    async fn save(&self, feed: &Feed, at: Timestamp) {
        if let Err(error) = feed.save_position(&ts(at)).await {
            // Read from an earlier one, more is read than needed.
            tracing::debug!(%error, "the position in Slack's feed was not saved");
        }
    }

    /// Watches over an account whose events Slack brings to any gateway: its token, and what Slack gave up.
    pub(super) async fn watch(&self, feed: &Feed, me: &Me) -> Result<(), ReceiveError> {
        feed.live();
        let mut since = position(feed).await?;
        loop {
            let (swept_at, now) = (self.clock.monotonic(), self.clock.now());
            // The first time nothing was missed: what is older concerns nobody.
            let swept_from = since.map_or(now, |_| now - OVERLAP);
            let mut gap = self.gap(feed, since).await?;
            loop {
                if let Some(channel) = gap.due(self.clock.monotonic()) {
                    self.fill(&mut gap, feed, me, &channel).await?;
                    feed.alive();
                    continue;
                }
                if !gap.is_open() && since != Some(swept_from) {
                    since = Some(swept_from);
                    self.save(feed, swept_from).await;
                }
                if !gap.is_open() && self.clock.monotonic().since(swept_at) >= SWEEP_EVERY {
                    break;
                }
                tokio::time::sleep(if gap.is_open() { LOOK_EVERY } else { WATCH_EVERY }).await;
                let _: Me = self.api.read("auth.test", &[]).await?;
                feed.alive();
            }
        }
    }
}

async fn position(feed: &Feed) -> Result<Option<Timestamp>, ReceiveError> {
    Ok(feed.position().await?.as_deref().and_then(sent_at))
}

/// What Slack's reason for closing a socket means.
fn goodbye(reason: &str) -> Result<(), ReceiveError> {
    match reason {
        "warning" | "refresh_requested" => Ok(()),
        "link_disabled" => Err(ReceiveError::Refused(
            "Slack switched the socket off: Socket Mode was disabled in the app's settings, or the app was removed"
                .to_owned(),
        )),
        reason => Err(ReceiveError::Failed(format!("Slack closes the socket: {reason}"))),
    }
}
