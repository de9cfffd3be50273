//! Settings of the mailbox at Gmail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::ids::GroupId;
use serde::{Deserialize, Serialize};
use service::config::{Secret, range};

/// Google's own addresses.
const API: &str = "https://gmail.googleapis.com";
const ACCOUNTS: &str = "https://accounts.google.com";
const OAUTH: &str = "https://oauth2.googleapis.com";
/// Where NanoClaw keeps what it has from Google (GM-01).
const DIRECTORY: &str = "~/.gmail-mcp";

/// The mailbox at Gmail; active as soon as there is the file of credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gmail {
    /// Whether it is used when there are credentials.
    pub enabled: bool,
    /// The OAuth client, as Google's console gives it.
    pub keys_file: PathBuf,
    /// The consent of the mailbox's owner; `clawhold auth gmail` writes it.
    pub credentials_file: PathBuf,
    /// Where a mail goes.
    pub deliver_to: GmailDelivery,
    /// Group that threads join when they are first heard of, with `deliver_to = "threads"`; none: they stay unregistered.
    pub group: Option<GroupId>,
    /// Whether only mail of the category "primary" is taken.
    pub only_primary: bool,
    /// Label that is put on a mail once it is taken.
    #[serde(deserialize_with = "range::not_empty")]
    pub label: String,
    /// Whether a mail that was taken is marked as read (GM-06).
    pub mark_read: bool,
    /// Time between two looks for mail (GM-02); a push makes it look at once.
    #[serde(deserialize_with = "range::within::<100, 90_000, _, _>")]
    pub poll_interval_ms: u64,
    /// How long Gmail's search may not know a mail yet that was sent.
    #[serde(deserialize_with = "range::within::<1, 60_000, _, _>")]
    pub search_lag_ms: u64,
    /// Cloud Pub/Sub topic to which Gmail tells of changes: `projects/<project>/topics/<topic>`.
    pub push_topic: Option<String>,
    /// What a push must carry in its address as `token`.
    pub push_token: Option<Secret>,
    /// Where the API is.
    #[serde(deserialize_with = "range::http_url")]
    pub api_url: String,
    /// Where consent is given.
    #[serde(deserialize_with = "range::http_url")]
    pub accounts_url: String,
    /// Where tokens are issued.
    #[serde(deserialize_with = "range::http_url")]
    pub oauth_url: String,
    /// Lets credentials and mails go to other hosts than Google's: for a proxy of your own.
    pub allow_unofficial_host: bool,
}

/// Where a mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GmailDelivery {
    /// Into main's chat, and the answer too (GM-05).
    #[default]
    Main,
    /// Each thread is a chat; the answer is a mail in it.
    Threads,
}

impl Default for Gmail {
    fn default() -> Self {
        Self {
            enabled: true,
            keys_file: Path::new(DIRECTORY).join("gcp-oauth.keys.json"),
            credentials_file: Path::new(DIRECTORY).join("credentials.json"),
            deliver_to: GmailDelivery::default(),
            group: None,
            only_primary: true,
            label: "Clawhold".to_owned(),
            mark_read: true,
            poll_interval_ms: 60_000,
            search_lag_ms: 10_000,
            push_topic: None,
            push_token: None,
            api_url: API.to_owned(),
            accounts_url: ACCOUNTS.to_owned(),
            oauth_url: OAUTH.to_owned(),
            allow_unofficial_host: false,
        }
    }
}

impl Gmail {
    /// Whether there is a consent to work with.
    pub fn is_active(&self) -> bool {
        self.enabled && self.credentials_file.is_file()
    }

    /// Time between two looks for mail.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    /// How long the search may lag.
    pub fn search_lag(&self) -> Duration {
        Duration::from_millis(self.search_lag_ms)
    }

    /// Whether credentials may go where they would go.
    ///
    /// # Errors
    /// When they would go to a host that is not Google's and nobody allowed that.
    pub fn check_hosts(&self) -> anyhow::Result<()> {
        let used = [
            ("api_url", &self.api_url, API),
            ("accounts_url", &self.accounts_url, ACCOUNTS),
            ("oauth_url", &self.oauth_url, OAUTH),
        ];
        for (name, url, official) in used {
            anyhow::ensure!(
                self.allow_unofficial_host || url.trim_end_matches('/') == official,
                "channels.gmail.{name} is {url}, which is not Google's: credentials would be sent there. If that is what you \
                 want, set channels.gmail.allow_unofficial_host = true; else remove {name}"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_no_stranger_unless_that_is_allowed() {
        assert!(Gmail::default().check_hosts().is_ok());
        for stranger in [
            "https://gmail.googleapis.com.example.org",
            "http://oauth2.googleapis.com",
        ] {
            let mut settings = Gmail {
                oauth_url: stranger.to_owned(),
                ..Gmail::default()
            };
            assert!(settings.check_hosts().is_err(), "{stranger}");
            settings.allow_unofficial_host = true;
            assert!(settings.check_hosts().is_ok(), "{stranger}");
        }
    }
}
