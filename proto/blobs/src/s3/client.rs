//! From settings to a client. The HTTP client is the one everybody here uses (rustls on ring), handed to the library.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// Time for one request, in which a pack of 32 MiB must pass.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Time to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Repetitions of one request, and the time they take together: a turn waits for them.
const RETRIES_MAX: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_secs(90);

/// How the bucket is reached.
#[derive(Clone)]
pub struct Options {
    /// Address; none: Amazon's of the region.
    pub endpoint: Option<String>,
    /// Bucket.
    pub bucket: String,
    /// What the key of every blob begins with; empty, or ends with `/`.
    pub prefix: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// Token that goes with keys that end.
    pub session_token: Option<String>,
    /// Whether the endpoint may be without TLS.
    pub allow_http: bool,
}

/// Why no client can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Credentials would go over the network in the clear.
    #[error("the S3 endpoint {0} is without TLS: use https, or set allow_http for a network that nobody listens on")]
    Insecure(String),
    /// The library refuses them.
    #[error("the S3 settings cannot be used")]
    Refused(#[source] object_store::Error),
    /// No HTTP client can be made.
    #[error("no HTTP client can be made for S3")]
    Client(#[source] reqwest::Error),
}

pub(super) fn client(options: &Options) -> Result<AmazonS3, OptionsError> {
    if let Some(endpoint) = options
        .endpoint
        .as_deref()
        .filter(|endpoint| endpoint.starts_with("http://"))
        && !options.allow_http
    {
        return Err(OptionsError::Insecure(endpoint.to_owned()));
    }
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        .with_region(&options.region)
        .with_access_key_id(&options.access_key_id)
        .with_secret_access_key(&options.secret_access_key)
        .with_allow_http(options.allow_http)
        // Not every store that speaks S3 knows the call that deletes many.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
        })
        .with_http_connector(Connector { http: http()? });
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(token) = &options.session_token {
        builder = builder.with_token(token);
    }
    builder.build().map_err(OptionsError::Refused)
}

fn http() -> Result<reqwest::Client, OptionsError> {
    // Whoever comes first decides; all of us decide for ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT);
    builder.build().map_err(OptionsError::Client)
}

#[derive(Debug)]
struct Connector {
    http: reqwest::Client,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.http.clone()))
    }
}

// By hand, because a secret must not get into a log.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
