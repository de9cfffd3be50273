//! The client.

use std::time::Duration;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use service::causes::with_causes;

use super::{Answered, Exchange};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take in all, unless its caller sets another time.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Slowest line that a file gets through on.
const BYTES_PER_S_MIN: u64 = 128 * 1024;
/// How long a connection without calls is kept: shorter than the idle time-outs of common proxies, so that few calls go out
/// on a connection that the other side is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer that is read: platforms' answers are lists of at most some hundred entries.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a call may take in all that carries this much, in its request or its answer.
pub fn timeout_for(bytes: usize) -> Duration {
    CALL_TIMEOUT + Duration::from_secs((bytes as u64).div_ceil(BYTES_PER_S_MIN))
}

/// A client for one API.
#[derive(Clone, Debug)]
pub struct Rest {
    base: Url,
    client: Client,
    secrets: Vec<String>,
}

impl Rest {
    /// For the API below `base`. `secrets` never appear in what is said of a call, even where they are part of its path.
    ///
    /// # Errors
    /// When `base` is no address or no client can be made.
    pub fn new(base: &str, secrets: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let base = Url::parse(&format!("{}/", base.trim_end_matches('/')))
            .with_context(|| format!("{base:?} is no address: it must look like https://api.example.com"))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // Who repeats a call is decided by delivery alone.
            .retry(reqwest::retry::never())
            .build()
            .context("no HTTP client can be made")?;
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Ok(Self { base, client, secrets })
    }

    /// A call to a path below the base (without a leading slash), or to a whole address the platform has given.
    ///
    /// # Panics
    /// Never: what is no address is refused when the call is made.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        match self.base.join(path) {
            Ok(url) => self.client.request(method, url),
            // The builder carries the error to `call`.
            Err(_) => self.client.request(method, path),
        }
    }

    /// Makes the call and reads its answer. One that carries a file needs the time of [`timeout_for`].
    pub async fn call(&self, request: RequestBuilder) -> Exchange {
        let sent = request.send().await;
        self.exchange(sent, BODY_BYTES_MAX).await
    }

    /// Downloads: the answer may be this large, and take the time of that size. It begins as soon as any other.
    pub async fn call_up_to(&self, request: RequestBuilder, bytes_max: usize) -> Exchange {
        let request = request.timeout(timeout_for(bytes_max));
        match tokio::time::timeout(CALL_TIMEOUT, request.send()).await {
            Ok(sent) => self.exchange(sent, bytes_max).await,
            Err(_) => Exchange::Lost {
                reason: format!("no answer began within {} s", CALL_TIMEOUT.as_secs()),
            },
        }
    }

    async fn exchange(&self, sent: reqwest::Result<Response>, bytes_max: usize) -> Exchange {
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Exchange::NotSent {
                    reason: self.said(error),
                };
            }
            Err(error) => {
                return Exchange::Lost {
                    reason: self.said(error),
                };
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match self.read(response, bytes_max).await {
            Ok(body) => answered(status, headers, body),
            // The status has come: an error is an error however its text ends, but a success is known only whole.
            Err(_) if !status.is_success() => answered(status, headers, Bytes::new()),
            Err(reason) => Exchange::Lost { reason },
        }
    }

    async fn read(&self, response: Response, bytes_max: usize) -> Result<Bytes, String> {
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        loop {
            // A dead connection is not waited for as long as a large file may take.
            let next = tokio::time::timeout(CALL_TIMEOUT, stream.next()).await;
            let next = next.map_err(|_| format!("the answer stopped for {} s", CALL_TIMEOUT.as_secs()))?;
            let Some(chunk) = next else {
                return Ok(body.freeze());
            };
            let chunk = chunk.map_err(|error| self.said(error))?;
            if body.len() + chunk.len() > bytes_max {
                return Err(format!("the answer is larger than {bytes_max} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The error with its causes, without the address and the credentials.
    fn said(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        self.redacted(with_causes(error.to_string(), &error))
    }

    /// A text without the credentials.
    pub fn redacted(&self, text: String) -> String {
        self.secrets
            .iter()
            .fold(text, |text, secret| text.replace(secret.as_str(), "***"))
    }
}

fn answered(status: StatusCode, headers: HeaderMap, body: Bytes) -> Exchange {
    Exchange::Answered(Answered { status, headers, body })
}
