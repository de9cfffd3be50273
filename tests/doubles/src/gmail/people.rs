//! The side of tests: who writes, what was sent, and what goes wrong.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::double::GmailDouble;
use super::mail::Mail;
use super::oauth::{CLIENT_ID, CLIENT_SECRET, SCOPE};
use super::state::{Change, State, Stored, bare};

/// Where a mail came to lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its id.
    pub id: String,
    /// Its thread.
    pub thread: String,
    /// Its `Message-ID`, without brackets.
    pub message_id: String,
}

/// A mail as it lies in the mailbox.
#[derive(Clone, Debug)]
pub struct MailSeen {
    /// Its id.
    pub id: String,
    /// Its thread.
    pub thread: String,
    /// Its headers, as they are.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub raw: Bytes,
    /// Names of its labels; those of the user by their names.
    pub labels: Vec<String>,
}

impl MailSeen {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Its text, decoded.
    #[must_use]
    pub fn text(&self) -> String {
        let parsed = mail_parser::MessageParser::default().parse(&self.raw[..]);
        parsed
            .and_then(|mail| mail.body_text(0).map(|text| text.into_owned()))
            .unwrap_or_default()
    }

    /// Its files, decoded: name and bytes.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        use mail_parser::MimeHeaders as _;
        let Some(mail) = mail_parser::MessageParser::default().parse(&self.raw[..]) else {
            return Vec::new();
        };
        let named = |part: &mail_parser::MessagePart<'_>| {
            (
                part.attachment_name().unwrap_or_default().to_owned(),
                part.contents().to_vec(),
            )
        };
        mail.attachments().map(named).collect()
    }
}

fn seen(state: &State, mail: &Stored) -> MailSeen {
    let name = |label: &String| state.labels.get(label).unwrap_or(label).clone();
    MailSeen {
        id: mail.id.clone(),
        thread: mail.thread.clone(),
        headers: mail.headers.clone(),
        raw: mail.raw.clone(),
        labels: mail.labels.iter().map(name).collect(),
    }
}

impl GmailDouble {
    /// Somebody's mail arrives, unread, in the inbox.
    pub fn deliver(&self, mail: &Mail) -> Delivered {
        self.deliver_as(mail, &["INBOX", "UNREAD", "CATEGORY_PERSONAL"])
    }

    /// Somebody's mail arrives under these labels.
    pub fn deliver_as(&self, mail: &Mail, labels: &[&str]) -> Delivered {
        let number = self.state().next();
        let given = mail
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("x-message-id"));
        let message_id = given.map_or_else(|| format!("stranger-{number}@example.org"), |(_, id)| id.clone());
        let raw = mail.raw(self.address(), &message_id);
        let stored = self.state().put(raw.into(), labels, None, self.clock.now_ms());
        Delivered {
            id: stored.id,
            thread: stored.thread,
            message_id,
        }
    }

    /// Gmail tells once more that a mail came.
    pub fn repeat(&self, id: &str) {
        self.state().note(Change::Added, id, Vec::new());
    }

    /// What was sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<MailSeen> {
        let state = self.state();
        let sent = state.mails.values().filter(|mail| mail.labels.contains("SENT"));
        sent.map(|mail| seen(&state, mail)).collect()
    }

    /// What was sent into a thread, in order.
    #[must_use]
    pub fn sent_in(&self, thread: &str) -> Vec<MailSeen> {
        let state = self.state();
        let ids = state.threads.get(thread).into_iter().flatten();
        let mails = ids.filter_map(|id| state.mails.get(id));
        mails
            .filter(|mail| mail.labels.contains("SENT"))
            .map(|mail| seen(&state, mail))
            .collect()
    }

    /// One mail.
    #[must_use]
    pub fn mail(&self, id: &str) -> Option<MailSeen> {
        let state = self.state();
        state.mails.get(id).map(|mail| seen(&state, mail))
    }

    /// How many mails have this `Message-ID`.
    #[must_use]
    pub fn count_of(&self, message_id: &str) -> usize {
        self.state().by_message_id.get(bare(message_id)).map_or(0, Vec::len)
    }

    /// The mailbox's newest place in the history.
    #[must_use]
    pub fn history_id(&self) -> u64 {
        self.state().history_id
    }

    /// History until now is gone.
    pub fn forget_history(&self) {
        let mut state = self.state();
        state.history_from = state.history_id + 1;
        state.history_id += 1;
        state.history.clear();
    }

    /// From now on a mail is found by the search only so much later.
    pub fn set_search_lag(&self, lag: Duration) {
        self.state().search_lag_ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
    }

    /// Whether the account's mail is on: an administrator can turn it off.
    pub fn set_mail_service(&self, is_on: bool) {
        self.state().is_on = is_on;
    }

    /// Whether the account may still send today.
    pub fn set_may_send(&self, may_send: bool) {
        self.state().may_send = may_send;
    }

    /// Access tokens end now; refresh tokens stay good.
    pub fn expire_access_tokens(&self) {
        self.oauth().expire_access();
    }

    /// The person takes the consent back.
    pub fn revoke_token(&self) {
        self.oauth().revoke_all();
    }

    /// The person's consent holds again, with the same tokens.
    pub fn restore_token(&self) {
        self.oauth().restore_all();
    }

    /// Whether the person agrees on the consent page.
    pub fn set_consents(&self, consents: bool) {
        self.oauth().declines = !consents;
    }

    /// `gcp-oauth.keys.json`, as Google's console gives it.
    #[must_use]
    pub fn keys_json(&self) -> String {
        json!({ "installed": {
            "client_id": CLIENT_ID,
            "project_id": "stand-in",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "client_secret": CLIENT_SECRET,
            "redirect_uris": ["http://localhost"],
        } })
        .to_string()
    }

    /// `credentials.json`, as NanoClaw's Gmail server leaves it: the access token has ended long ago.
    #[must_use]
    pub fn credentials_json(&self) -> String {
        let refresh_token = self.oauth().grant();
        json!({
            "access_token": "ya29.of-last-year",
            "refresh_token": refresh_token,
            "scope": SCOPE,
            "token_type": "Bearer",
            "expiry_date": 1_700_000_000_000_u64,
        })
        .to_string()
    }
}
