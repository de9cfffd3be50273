//! The few calls to the Gmail API. One that is refused for its token is made once more with a fresh one: it was not executed.

use http::StatusCode;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::google::{ApiError, google_error, read_error};
use super::model::{HistoryPage, Label, Labels, MessageList, MessageRef, Profile, RawMessage, Thread};
use super::oauth::{TokenError, Tokens};
use crate::rest::{Exchange, Rest};

/// Largest mail that is read, as it travels: Gmail takes mails of 50 MB, and a third is added on the way.
const MAIL_BYTES_MAX: usize = 72 * 1024 * 1024;
/// Changes on one page.
const HISTORY_PAGE: &str = "100";
/// Mails on one page of a search.
const SEARCH_PAGE: &str = "100";

pub(super) struct Api {
    rest: Rest,
    tokens: Tokens,
}

impl Api {
    pub(super) fn new(rest: Rest, tokens: Tokens) -> Self {
        Self { rest, tokens }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.rest.request(method, &format!("gmail/v1/users/me/{path}"))
    }

    pub(super) async fn call(&self, request: RequestBuilder, bytes_max: usize) -> Result<Exchange, TokenError> {
        let token = self.tokens.get(None).await?;
        let again = request.try_clone();
        let exchange = self.rest.call_up_to(request.bearer_auth(&token), bytes_max).await;
        match (&exchange, again) {
            (Exchange::Answered(answered), Some(again)) if answered.status == StatusCode::UNAUTHORIZED => {
                let fresh = self.tokens.get(Some(&token)).await?;
                Ok(self.rest.call_up_to(again.bearer_auth(fresh), bytes_max).await)
            }
            _ => Ok(exchange),
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder, bytes_max: usize) -> Result<T, ApiError> {
        match self.call(request, bytes_max).await? {
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(ApiError::Failed(reason)),
            Exchange::Answered(answered) if answered.status.is_success() => answered.json().map_err(ApiError::Failed),
            Exchange::Answered(answered) => Err(read_error(answered.status, google_error(&answered))),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ApiError> {
        let request = self.request(Method::GET, path).query(query);
        self.read(request, crate::rest::BODY_BYTES_MAX).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, ApiError> {
        let request = self.request(Method::POST, path).json(body);
        self.read(request, crate::rest::BODY_BYTES_MAX).await
    }

    pub(super) async fn profile(&self) -> Result<Profile, ApiError> {
        self.ask("profile", &[]).await
    }

    /// What came since; [`ApiError::NotFound`] when that is too long ago.
    pub(super) async fn history(&self, since: &str, page: Option<&str>) -> Result<HistoryPage, ApiError> {
        let mut query = vec![
            ("startHistoryId", since),
            ("historyTypes", "messageAdded"),
            ("maxResults", HISTORY_PAGE),
        ];
        query.extend(page.map(|page| ("pageToken", page)));
        self.ask("history", &query).await
    }

    pub(super) async fn search(&self, q: &str, page: Option<&str>) -> Result<MessageList, ApiError> {
        let mut query = vec![("q", q), ("maxResults", SEARCH_PAGE)];
        query.extend(page.map(|page| ("pageToken", page)));
        self.ask("messages", &query).await
    }

    pub(super) async fn message(&self, id: &str) -> Result<RawMessage, ApiError> {
        let request = self.request(Method::GET, &format!("messages/{id}"));
        self.read(request.query(&[("format", "raw")]), MAIL_BYTES_MAX).await
    }

    /// The headers of a thread's mails.
    pub(super) async fn thread(&self, id: &str) -> Result<Thread, ApiError> {
        let headers = ["From", "Reply-To", "To", "Subject", "Message-ID", "References"];
        let wanted = headers.map(|name| ("metadataHeaders", name));
        let query: Vec<_> = [("format", "metadata")].into_iter().chain(wanted).collect();
        self.ask(&format!("threads/{id}"), &query).await
    }

    /// The label of this name, which is made where there is none.
    pub(super) async fn label(&self, name: &str) -> Result<String, ApiError> {
        let known: Labels = self.ask("labels", &[]).await?;
        let known = known
            .labels
            .into_iter()
            .find(|label| label.name.eq_ignore_ascii_case(name));
        match known {
            Some(label) => Ok(label.id),
            None => {
                let body = json!({ "name": name, "labelListVisibility": "labelShow", "messageListVisibility": "show" });
                self.post("labels", &body).await.map(|label: Label| label.id)
            }
        }
    }

    pub(super) async fn modify(&self, id: &str, add: &[&str], remove: &[&str]) -> Result<(), ApiError> {
        let body = json!({ "addLabelIds": add, "removeLabelIds": remove });
        let _: MessageRef = self.post(&format!("messages/{id}/modify"), &body).await?;
        Ok(())
    }

    pub(super) async fn watch(&self, topic: &str) -> Result<(), ApiError> {
        let body = json!({ "topicName": topic });
        let _: serde_json::Value = self.post("watch", &body).await?;
        Ok(())
    }
}
