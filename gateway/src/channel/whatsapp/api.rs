//! The calls to Graph.

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::graph_error::GraphError;
use crate::channel::FetchError;
use crate::channel::host::checked_base_url;
use crate::config::{WhatsApp, WhatsAppAccount};
use crate::rest::{Exchange, Rest, timeout_for};

/// Where Graph is.
const OFFICIAL: &str = "https://graph.facebook.com";
/// Hosts whose links to files get the token: Graph names them, and an answer alone must not decide that.
const FILE_HOSTS: [&str; 3] = ["fbsbx.com", "whatsapp.net", "facebook.com"];

/// Graph, for one number.
pub(super) struct Api {
    rest: Rest,
    base: Url,
    token: String,
    version: String,
    phone_number_id: String,
}

/// What is known of a file.
#[derive(Deserialize)]
struct Media {
    url: String,
    file_size: Option<u64>,
}

#[derive(Deserialize)]
struct Uploaded {
    id: String,
}

impl Api {
    pub(super) fn new(settings: &WhatsApp, account: &WhatsAppAccount) -> anyhow::Result<Self> {
        let allowed = settings.allow_unofficial_host;
        let base = checked_base_url("channels.whatsapp", settings.base_url.as_deref(), OFFICIAL, allowed)?;
        let token = account.access_token.expose().to_owned();
        Ok(Self {
            rest: Rest::new(&base, [token.clone()])?,
            base: base.parse().context("channels.whatsapp.base_url")?,
            token,
            version: settings.api_version.clone(),
            phone_number_id: account.phone_number_id.clone(),
        })
    }

    /// Sends a message.
    pub(super) async fn send(&self, message: &Value) -> Exchange {
        let path = self.path(&[&self.phone_number_id, "messages"]);
        let request = self.rest.request(Method::POST, &path).json(message);
        self.rest.call(request.bearer_auth(&self.token)).await
    }

    /// Marks a person's message as read, and shows "is typing" below it. Nothing depends on it.
    pub(super) async fn mark_read(&self, message_id: &str, typing: bool) {
        let mut body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": message_id });
        if typing {
            body["typing_indicator"] = json!({ "type": "text" });
        }
        if let Exchange::NotSent { reason } | Exchange::Lost { reason } = self.send(&body).await {
            tracing::debug!(reason, "a message could not be marked as read");
        }
    }

    /// Looks at the number: whether the account works.
    pub(super) async fn look(&self) -> Exchange {
        let path = self.path(&[&self.phone_number_id]);
        let request = self.rest.request(Method::GET, &path).bearer_auth(&self.token);
        self.rest.call(request).await
    }

    /// Uploads a file; its id, or what was said instead. Nobody sees a file that is only uploaded.
    pub(super) async fn upload(&self, name: &str, media_type: &str, contents: Bytes) -> Result<String, Exchange> {
        let (length, timeout) = (contents.len() as u64, timeout_for(contents.len()));
        let part = Part::stream_with_length(contents, length).file_name(name.to_owned());
        let Ok(part) = part.mime_str(media_type) else {
            return Err(Exchange::NotSent {
                reason: format!("{media_type:?} is no media type"),
            });
        };
        let form = Form::new()
            .text("messaging_product", "whatsapp")
            .text("type", media_type.to_owned())
            .part("file", part);
        let path = self.path(&[&self.phone_number_id, "media"]);
        let request = self.rest.request(Method::POST, &path).timeout(timeout).multipart(form);
        match self.rest.call(request.bearer_auth(&self.token)).await {
            Exchange::Answered(answered) if answered.status.is_success() => match answered.json::<Uploaded>() {
                Ok(uploaded) => Ok(uploaded.id),
                Err(reason) => Err(Exchange::NotSent { reason }),
            },
            other => Err(other),
        }
    }

    /// Downloads a file that a person sent.
    pub(super) async fn download(&self, media_id: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let path = self.path(&[media_id]);
        let look = self.rest.request(Method::GET, &path).bearer_auth(&self.token);
        let looked = self.rest.call(look).await;
        let media: Media = serde_json::from_slice(&fetched(looked)?).map_err(|_| {
            FetchError::Unavailable("the platform's answer about the file is not understood".to_owned())
        })?;
        if media.file_size.is_some_and(|bytes| bytes > bytes_max) {
            return Err(FetchError::TooLarge { bytes_max });
        }
        if !self.is_file_host(&media.url) {
            return Err(FetchError::Gone("its address is not one of WhatsApp's".to_owned()));
        }
        let get = self.rest.request(Method::GET, &media.url).bearer_auth(&self.token);
        let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        fetched(self.rest.call_up_to(get, limit).await)
    }

    fn path(&self, segments: &[&str]) -> String {
        format!("{}/{}", self.version, segments.join("/"))
    }

    fn is_file_host(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        if url.host_str() == self.base.host_str() && url.port_or_known_default() == self.base.port_or_known_default() {
            return true;
        }
        let host = url.host_str().unwrap_or_default();
        let known = |domain: &&str| {
            host.strip_suffix(*domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        url.scheme() == "https" && FILE_HOSTS.iter().any(known)
    }
}

fn fetched(exchange: Exchange) -> Result<Bytes, FetchError> {
    match exchange {
        Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(FetchError::Unavailable(reason)),
        Exchange::Answered(answered) if answered.status.is_success() => Ok(answered.body),
        Exchange::Answered(answered) => {
            let status = answered.status.as_u16();
            let error = GraphError::of(&answered);
            let reason = error
                .as_ref()
                .map_or_else(|| format!("WhatsApp answered {status}"), GraphError::says);
            match status {
                // The token may be replaced, and a link is made anew by the next try.
                401 | 408 | 429 | 500.. => Err(FetchError::Unavailable(reason)),
                _ => Err(FetchError::Gone(reason)),
            }
        }
    }
}
