//! The few calls to the Gmail API. One that is refused for its token is made once more with a fresh one: it was not executed.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::google::{ApiError, google_error, read_error};
use super::model::{HistoryPage, Label, Labels, Message, MessageList, MessageRef, Profile, Thread};
use super::oauth::{TokenError, Tokens};
use super::upload;
use crate::rest::{Exchange, Rest, timeout_for};

/// Largest mail that is read, as it travels: Gmail takes mails of 50 MB, and a third is added on the way.
const MAIL_BYTES_MAX: usize = 72 * 1024 * 1024;
/// Where mails are sent that may be larger than what goes as JSON.
const SEND: &str = "upload/gmail/v1/users/me/messages/send?uploadType=multipart";
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

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.rest.request(method, &format!("gmail/v1/users/me/{path}"))
    }

    /// Makes a call; one that downloads with the bound of its answer.
    async fn call(&self, request: RequestBuilder, bytes_max: Option<usize>) -> Result<Exchange, TokenError> {
        let token = self.tokens.get(None).await?;
        let again = request.try_clone();
        let exchange = self.call_as(&token, request, bytes_max).await;
        match (&exchange, again) {
            (Exchange::Answered(answered), Some(again)) if answered.status == StatusCode::UNAUTHORIZED => {
                let fresh = self.tokens.get(Some(&token)).await?;
                Ok(self.call_as(&fresh, again, bytes_max).await)
            }
            _ => Ok(exchange),
        }
    }

    async fn call_as(&self, token: &str, request: RequestBuilder, bytes_max: Option<usize>) -> Exchange {
        let request = request.bearer_auth(token);
        match bytes_max {
            Some(bytes_max) => self.rest.call_up_to(request, bytes_max).await,
            None => self.rest.call(request).await,
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        bytes_max: Option<usize>,
    ) -> Result<T, ApiError> {
        match self.call(request, bytes_max).await? {
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(ApiError::Failed(reason)),
            Exchange::Answered(answered) if answered.status.is_success() => answered.json().map_err(ApiError::Failed),
            Exchange::Answered(answered) => Err(read_error(answered.status, google_error(&answered))),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ApiError> {
        let request = self.request(Method::GET, path).query(query);
        self.read(request, None).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, ApiError> {
        let request = self.request(Method::POST, path).json(body);
        self.read(request, None).await
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

    /// A mail, all of it.
    pub(super) async fn message(&self, id: &str) -> Result<Message, ApiError> {
        let request = self.request(Method::GET, &format!("messages/{id}"));
        let request = request.query(&[("format", "raw")]);
        self.read(request, Some(MAIL_BYTES_MAX)).await
    }

    /// A mail's headers.
    pub(super) async fn message_head(&self, id: &str) -> Result<Message, ApiError> {
        self.ask(&format!("messages/{id}"), &[("format", "metadata")]).await
    }

    /// Sends a mail into a thread. As an upload: of JSON Google takes no more than about 5 MB.
    pub(super) async fn send(&self, thread: &str, mail: &[u8]) -> Result<Exchange, TokenError> {
        let (media_type, body) = upload::related(&json!({ "threadId": thread }), mail);
        let request = self
            .rest
            .request(Method::POST, SEND)
            .timeout(timeout_for(body.len()))
            .header(CONTENT_TYPE, media_type)
            .body(body);
        self.call(request, None).await
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
