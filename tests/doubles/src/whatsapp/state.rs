//! What the platform remembers.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::bucket::Bucket;
use super::notification::Change;
use super::sent::SentMessage;

/// Messages kept, sent and received; beyond it nothing more is accepted.
pub(super) const MESSAGES_MAX: usize = 1_000_000;
/// How long after a person's last message free text may be sent.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
/// Messages of a number in a second.
const NUMBER_PER_SECOND: u64 = 80;
/// Messages to one person in a row; then one every six seconds.
const PAIR_BURST: u64 = 45;
const PAIR_PERIOD_MS: u64 = 6_000;

/// How a message outside the 24 hours is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowCheck {
    /// Accepted, then a `failed` status: what the platform mostly does.
    #[default]
    Late,
    /// Refused at once.
    AtOnce,
}

/// Somebody with WhatsApp.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) last_heard_ms: Option<u64>,
    pub(super) pair: Bucket,
}

impl Person {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            last_heard_ms: None,
            pair: Bucket::new(PAIR_BURST, PAIR_PERIOD_MS),
        }
    }

    pub(super) fn window_is_open(&self, now_ms: u64) -> bool {
        self.last_heard_ms.is_some_and(|heard| now_ms - heard < WINDOW_MS)
    }
}

/// A file, uploaded by the business or sent by a person.
#[derive(Clone, Debug)]
pub(super) struct Media {
    pub(super) media_type: String,
    pub(super) content: Bytes,
}

pub(super) struct State {
    pub(super) token_is_good: bool,
    pub(super) limited: bool,
    pub(super) window_check: WindowCheck,
    pub(super) number: Bucket,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) sent: Vec<SentMessage>,
    /// Messages of people, by id: who wrote them.
    pub(super) received: BTreeMap<String, String>,
    /// The newest of them, as it was told.
    pub(super) last_told: Option<Change>,
    pub(super) read: BTreeSet<String>,
    pub(super) typing: Vec<String>,
    pub(super) media: BTreeMap<String, Media>,
    /// Templates: what their body says, by name and language.
    pub(super) templates: BTreeMap<(String, String), String>,
    count: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            token_is_good: true,
            limited: true,
            window_check: WindowCheck::default(),
            number: Bucket::new(NUMBER_PER_SECOND, 1_000 / NUMBER_PER_SECOND),
            people: BTreeMap::new(),
            sent: Vec::new(),
            received: BTreeMap::new(),
            last_told: None,
            read: BTreeSet::new(),
            typing: Vec::new(),
            media: BTreeMap::new(),
            templates: BTreeMap::new(),
            count: 0,
        }
    }
}

impl State {
    /// A number nobody had before.
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn keep_media(&mut self, media_type: &str, content: Bytes) -> String {
        let id = format!("{}", 1_037_543_291_543_000 + self.next());
        let media = Media {
            media_type: media_type.to_owned(),
            content,
        };
        self.media.insert(id.clone(), media);
        id
    }
}
