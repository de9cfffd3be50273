//! What of the Gmail API's answers is used.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    pub(super) email_address: String,
    pub(super) history_id: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageRef {
    pub(super) id: String,
    #[serde(default)]
    pub(super) label_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageList {
    #[serde(default)]
    pub(super) messages: Vec<MessageRef>,
    pub(super) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryPage {
    #[serde(default)]
    pub(super) history: Vec<HistoryEntry>,
    pub(super) history_id: String,
    pub(super) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryEntry {
    #[serde(default)]
    pub(super) messages_added: Vec<Added>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Added {
    pub(super) message: MessageRef,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) thread_id: String,
    #[serde(default)]
    pub(super) label_ids: Vec<String>,
    pub(super) internal_date: String,
    /// All of it, in `format=raw`.
    pub(super) raw: Option<String>,
    /// What is said of it, in `format=metadata`.
    #[serde(default)]
    pub(super) payload: Payload,
}

#[derive(Debug, Deserialize)]
pub(super) struct Thread {
    #[serde(default)]
    pub(super) messages: Vec<ThreadMessage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThreadMessage {
    pub(super) id: String,
    #[serde(default)]
    pub(super) label_ids: Vec<String>,
    pub(super) payload: Payload,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Payload {
    #[serde(default)]
    pub(super) headers: Vec<Header>,
}

impl Payload {
    /// A mail of these headers alone, for the parser of mails: addresses and encoded words are its business.
    pub(super) fn head(&self) -> String {
        let lines = self.headers.iter();
        lines
            .map(|header| format!("{}: {}\r\n", header.name, header.value))
            .chain(["\r\n".to_owned()])
            .collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Labels {
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) name: String,
}
