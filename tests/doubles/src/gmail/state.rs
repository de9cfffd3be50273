//! What the mailbox holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use mail_parser::MessageParser;

/// Mails kept; beyond it nothing more is taken.
pub(super) const MAILS_MAX: usize = 500_000;
/// What ids of mails count up from: they look like Gmail's.
const FIRST_ID: u64 = 0x1940_0000_0000_0000;

/// One mail of the mailbox.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) thread: String,
    pub(super) history_id: u64,
    pub(super) labels: BTreeSet<String>,
    pub(super) internal_ms: u64,
    /// When the search finds it.
    pub(super) indexed_ms: u64,
    pub(super) headers: Vec<(String, String)>,
    pub(super) raw: Bytes,
}

impl Stored {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What happened to a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    LabelsAdded,
    LabelsRemoved,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) change: Change,
    pub(super) mail: String,
    pub(super) labels: Vec<String>,
}

pub(super) struct State {
    pub(super) mails: BTreeMap<String, Stored>,
    pub(super) threads: HashMap<String, Vec<String>>,
    /// Mails by `Message-ID`, without its brackets.
    pub(super) by_message_id: HashMap<String, Vec<String>>,
    /// Labels of the user: name by id.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) history: Vec<Event>,
    pub(super) history_id: u64,
    /// Older starts of a history are answered with 404.
    pub(super) history_from: u64,
    pub(super) search_lag_ms: u64,
    pub(super) is_on: bool,
    pub(super) may_send: bool,
    count: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            mails: BTreeMap::new(),
            threads: HashMap::new(),
            by_message_id: HashMap::new(),
            labels: BTreeMap::new(),
            history: Vec::new(),
            history_id: 1_000,
            history_from: 1,
            search_lag_ms: 0,
            is_on: true,
            may_send: true,
            count: 0,
        }
    }
}

impl State {
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Puts a mail into the mailbox; it joins the given thread, or the one of the mail it answers, or begins its own.
    pub(super) fn put(&mut self, raw: Bytes, labels: &[&str], thread: Option<&str>, now_ms: u64) -> Stored {
        let headers = headers(&raw);
        let id = format!("{:016x}", FIRST_ID + self.next());
        let answered = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("in-reply-to"));
        let joined = answered
            .and_then(|(_, value)| self.by_message_id.get(bare(value)))
            .and_then(|ids| self.mails.get(ids.first()?))
            .map(|mail| mail.thread.clone());
        let thread = thread.map(str::to_owned).or(joined).unwrap_or_else(|| id.clone());
        let mut mail = Stored {
            id: id.clone(),
            thread: thread.clone(),
            history_id: 0,
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            internal_ms: now_ms,
            indexed_ms: now_ms + self.search_lag_ms,
            headers,
            raw,
        };
        mail.history_id = self.note(Change::Added, &id, Vec::new());
        if let Some(message_id) = mail.header("message-id") {
            let known = self.by_message_id.entry(bare(message_id).to_owned()).or_default();
            known.push(id.clone());
        }
        self.threads.entry(thread).or_default().push(id.clone());
        self.mails.insert(id, mail.clone());
        mail
    }

    /// Notes a change; its place in the history.
    pub(super) fn note(&mut self, change: Change, mail: &str, labels: Vec<String>) -> u64 {
        // Gmail counts up with gaps.
        self.history_id += 7;
        self.history.push(Event {
            id: self.history_id,
            change,
            mail: mail.to_owned(),
            labels,
        });
        self.history_id
    }
}

/// A `Message-ID` without its brackets.
pub(super) fn bare(message_id: &str) -> &str {
    message_id.trim().trim_start_matches('<').trim_end_matches('>')
}

pub(super) fn headers(raw: &[u8]) -> Vec<(String, String)> {
    let Some(parsed) = MessageParser::default().parse_headers(raw) else {
        return Vec::new();
    };
    let unfolded = |value: &str| value.replace("\r\n", "").trim().to_owned();
    parsed
        .headers_raw()
        .map(|(name, value)| (name.to_owned(), unfolded(value)))
        .collect()
}
