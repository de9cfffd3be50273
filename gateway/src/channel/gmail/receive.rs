//! The way in: what came since the last look, by Gmail's history; by a search where that has been forgotten.
//!
//! The position moves only past mails that are in the log, so each is found again until it is; the log deduplicates. The
//! first time of all it begins with now: nobody wants years of mail answered.

use std::time::Duration;

use bus::{Hint, Interest, Listener};
use proto::time::Monotonic;
use serde::{Deserialize, Serialize};

use super::google::ApiError;
use super::model::{Message, MessageRef};
use super::{ACCOUNT, CHANNEL, Gmail, events, mail};
use crate::channel::{Feed, ReceiveError};
use crate::config::GmailDelivery;
use crate::intake::Taken;

/// How far a search reaches back before the last look: its clock is Gmail's. What was taken is not taken twice.
const OVERLAP: Duration = Duration::from_secs(3_600);
/// Shortest time between two looks, however often we are told to look.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the watch is renewed: Google says daily; it lasts a week.
const WATCH_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Tries after which a mail that cannot be fetched is taken by its headers.
const TRIES_MAX: u32 = 3;
/// How often a mail that is being fetched counts as a sign of life: a large one takes minutes.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(10);
/// Pages of one search: beyond it a mailbox was silent for so long that somebody must look.
const SEARCH_PAGES_MAX: usize = 100;

/// Where the mailbox was read to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The mailbox's address; none before Gmail has said it for the first time.
    address: Option<String>,
    /// None: what came since the last look must be searched for.
    history_id: Option<String>,
    /// Milliseconds since 1970 of the last look that read everything.
    looked_at: i64,
}

/// What was known of the place when the feed was opened.
enum Saved {
    /// Nothing: it is opened for the first time.
    Now,
    /// This.
    Before(Place),
}

impl Gmail {
    pub(super) async fn receive_mail(&self, feed: &Feed) -> Result<(), ReceiveError> {
        // Before the first look, so that nothing is missed between the two.
        let mut hints = self.hints.listen(Interest::Outbox {
            channel: CHANNEL.to_owned(),
            account: ACCOUNT.to_owned(),
        });
        let saved = self.saved_place(feed).await?;
        let address = self.address().await?;
        let label = self.api.label(&self.settings.label).await?;
        let mut place = self.place_in(feed, saved, address).await?;
        let mut watched_at = None;
        feed.live();
        loop {
            self.watch(&mut watched_at).await;
            place = self.look(feed, place, &label).await?;
            feed.alive();
            tokio::time::sleep(PAUSE).await;
            let told = told(&mut *hints);
            tokio::select! {
                () = tokio::time::sleep(self.settings.poll_interval()) => {}
                () = told => {}
            }
        }
    }

    /// Where it was read to; the first time of all, now: noted before Gmail is asked, so that nothing is missed should it
    /// refuse us at first.
    async fn saved_place(&self, feed: &Feed) -> Result<Saved, ReceiveError> {
        let saved = feed.position().await?;
        if let Some(place) = saved.and_then(|saved| serde_json::from_str(&saved).ok()) {
            return Ok(Saved::Before(place));
        }
        let place = Place {
            address: None,
            history_id: None,
            looked_at: self.clock.now().as_millis(),
        };
        save(feed, &place).await?;
        Ok(Saved::Now)
    }

    async fn place_in(&self, feed: &Feed, saved: Saved, address: String) -> Result<Place, ReceiveError> {
        match saved {
            Saved::Before(place) if place.address.as_ref().is_none_or(|known| *known == address) => Ok(Place {
                address: Some(address),
                ..place
            }),
            // Another mailbox begins with now, too.
            Saved::Before(_) | Saved::Now => {
                let place = Place {
                    address: Some(address),
                    history_id: Some(self.api.profile().await?.history_id),
                    looked_at: self.clock.now().as_millis(),
                };
                save(feed, &place).await?;
                Ok(place)
            }
        }
    }

    async fn watch(&self, watched_at: &mut Option<Monotonic>) {
        let Some(topic) = &self.settings.push_topic else { return };
        let now = self.clock.monotonic();
        if watched_at.is_some_and(|at| now.since(at) < WATCH_EVERY) {
            return;
        }
        // Without it mail comes by polling.
        match self.api.watch(topic).await {
            Ok(()) => *watched_at = Some(now),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Gmail's pushes could not be asked for"
            ),
        }
    }

    /// Takes everything that came since, and says where that ended.
    async fn look(&self, feed: &Feed, mut place: Place, label: &str) -> Result<Place, ReceiveError> {
        let looked_at = self.clock.now().as_millis();
        let Some(since) = place.history_id.clone() else {
            return self.look_by_search(feed, place, Duration::ZERO, label).await;
        };
        let mut page: Option<String> = None;
        loop {
            let news = match self.api.history(&since, page.as_deref()).await {
                Ok(news) => news,
                Err(ApiError::NotFound) => {
                    tracing::warn!("Gmail has forgotten its history since the last look; mail is searched for");
                    return self.look_by_search(feed, place, OVERLAP, label).await;
                }
                Err(error) => return Err(error.into()),
            };
            let added = news.history.into_iter().flat_map(|entry| entry.messages_added);
            for added in added {
                self.take(feed, &added.message, label).await?;
            }
            page = news.next_page_token;
            if page.is_none() {
                let is_new = since != news.history_id;
                place.history_id = Some(news.history_id);
                place.looked_at = looked_at;
                if is_new {
                    save(feed, &place).await?;
                }
                return Ok(place);
            }
        }
    }

    /// There is no history since then: what came is searched for.
    async fn look_by_search(
        &self,
        feed: &Feed,
        mut place: Place,
        overlap: Duration,
        label: &str,
    ) -> Result<Place, ReceiveError> {
        // Asked first: what comes during the search is found by the next look.
        let history_id = self.api.profile().await?.history_id;
        let looked_at = self.clock.now().as_millis();
        let overlap_s = i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX);
        // The search knows whole seconds: the one of the last look is looked at again.
        let query = format!("in:inbox after:{}", place.looked_at / 1_000 - 1 - overlap_s);
        let mut found = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..SEARCH_PAGES_MAX {
            let list = self.api.search(&query, page.as_deref()).await?;
            found.extend(list.messages);
            feed.alive();
            page = list.next_page_token;
            if page.is_none() {
                break;
            }
        }
        // The search begins with the newest.
        for message in found.iter().rev() {
            self.take(feed, message, label).await?;
        }
        place.history_id = Some(history_id);
        place.looked_at = looked_at;
        save(feed, &place).await?;
        Ok(place)
    }

    /// Takes one mail, if it is wanted; then, and only then, it gets its label.
    async fn take(&self, feed: &Feed, message: &MessageRef, label: &str) -> Result<(), ReceiveError> {
        let only_primary = self.settings.only_primary;
        let is_wanted = |labels: &[String]| events::is_wanted(labels, label, only_primary);
        if message.label_ids.as_deref().is_some_and(|labels| !is_wanted(labels)) {
            return Ok(());
        }
        let message = match self.fetch(feed, &message.id).await {
            Ok(message) => message,
            // Deleted meanwhile.
            Err(ApiError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        feed.alive();
        if !is_wanted(&message.label_ids) {
            return Ok(());
        }
        let Some(mail) = read(&message) else {
            tracing::warn!(mail.id = %message.id, "a mail cannot be read and is left in the mailbox");
            return Ok(());
        };
        if mail.address.eq_ignore_ascii_case(&self.address().await?) {
            return Ok(());
        }
        let taken = self.hand_over(feed, &message, mail).await?;
        let is_taken = matches!(
            taken,
            Some(Taken::Accepted | Taken::Context | Taken::Duplicate | Taken::Command)
        );
        if is_taken {
            // What the agent has not read stays new to the person.
            let is_read = self.settings.mark_read && message.raw.is_some();
            let read: &[&str] = if is_read { &["UNREAD"] } else { &[] };
            if let Err(error) = self.api.modify(&message.id, &[label], read).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(mail.id = %message.id, error, "a mail was taken and could not be labelled");
            }
        }
        Ok(())
    }

    /// The mail; the headers alone of one that failed too often: it must not hold back for ever what comes after it. Where
    /// they cannot be had either, it is Gmail that fails, and it is tried again.
    async fn fetch(&self, feed: &Feed, id: &str) -> Result<Message, ApiError> {
        let failure = match while_alive(feed, self.api.message(id)).await {
            Err(failure @ ApiError::Failed(_)) => failure,
            known => return known,
        };
        let tries = self.tries.failed(id);
        if tries < TRIES_MAX {
            return Err(failure);
        }
        let head = self.api.message_head(id).await?;
        let error = &failure as &dyn std::error::Error;
        tracing::warn!(
            mail.id = id,
            tries,
            error,
            "a mail cannot be fetched and is taken by its headers"
        );
        Ok(head)
    }

    async fn hand_over(&self, feed: &Feed, message: &Message, mail: mail::Mail) -> Result<Option<Taken>, ReceiveError> {
        let now = self.clock.now();
        let seen = events::thread_seen(message, &mail, events::received_at(message, now));
        match self.settings.deliver_to {
            GmailDelivery::Threads if mail.is_automatic => {
                // Its answer would go to a machine, which may answer again.
                tracing::debug!(mail.id = %message.id, "a mail that no person wrote is left in the mailbox");
                Ok(None)
            }
            GmailDelivery::Threads => {
                let group = self.settings.group.as_ref();
                let place = events::Place::Thread {
                    chat: &seen.id,
                    joins: group.is_some(),
                };
                let event = events::event(message, mail, place, now);
                Ok(Some(feed.take_for(&seen, event, group).await))
            }
            GmailDelivery::Main => {
                feed.see(&seen).await?;
                let Some(main) = feed.main_chat().await? else {
                    tracing::warn!(mail.id = %message.id, "there is no chat of main for a mail: it is left in the mailbox");
                    return Ok(None);
                };
                let event = events::event(message, mail, events::Place::Main(&main.id), now);
                let seen = events::main_seen(&main, now);
                Ok(Some(feed.take(&seen, event).await))
            }
        }
    }
}

fn read(message: &Message) -> Option<mail::Mail> {
    match &message.raw {
        Some(raw) => mail::read(&message.id, &mail::decode(raw)?),
        None => {
            let reason = format!("Gmail did not give them in {TRIES_MAX} tries");
            mail::read_head(&message.id, &message.payload.head(), &reason)
        }
    }
}

/// A call that is bounded by itself and may take longer than a feed may be silent.
async fn while_alive<T>(feed: &Feed, call: impl Future<Output = T>) -> T {
    let signs = async {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE_EVERY).await;
            feed.alive();
        }
    };
    tokio::select! {
        done = call => done,
        never = signs => never,
    }
}

/// Waits until somebody says to look: a push that any gateway took.
async fn told(hints: &mut dyn Listener) {
    loop {
        match hints.next().await {
            Some(Hint::Outbox { .. }) | None => return,
            Some(_) => {}
        }
    }
}

async fn save(feed: &Feed, place: &Place) -> Result<(), ReceiveError> {
    let text = serde_json::to_string(place).map_err(|error| ReceiveError::Failed(error.to_string()))?;
    feed.save_position(&text).await
}
