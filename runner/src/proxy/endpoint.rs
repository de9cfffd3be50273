//! What an agent may ask of the model API: what the Agent SDK needs, and nothing that reaches beyond its own group.
//!
//! Files, batches and skills are kept per API key, not per group: through them one group could read another's. The
//! endpoints that exchange or mint credentials would hand a usable key to the sandbox (CP-D3).

use http::Method;

/// A request that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Is anybody there; asks for no credential and gets none.
    Hello,
    /// The model answers: counted.
    Messages,
    /// Counting tokens in advance, looking at models.
    Other,
}

impl Endpoint {
    /// Decides by method and exact path; there is nothing to normalise, so nothing to be fooled by.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        match (method, path) {
            (&Method::GET | &Method::HEAD, "/api/hello") => Some(Self::Hello),
            (&Method::POST, "/v1/messages") => Some(Self::Messages),
            (&Method::POST, "/v1/messages/count_tokens") | (&Method::GET, "/v1/models") => Some(Self::Other),
            (&Method::GET, path) => path
                .strip_prefix("/v1/models/")
                .filter(|id| is_model_id(id))
                .map(|_| Self::Other),
            _ => None,
        }
    }
}

fn is_model_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
    !id.is_empty() && !id.starts_with('.') && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_sdk_needs_passes_and_no_exchange_of_credentials() {
        for (method, path, endpoint) in [
            (Method::HEAD, "/api/hello", Endpoint::Hello),
            (Method::POST, "/v1/messages", Endpoint::Messages),
            (Method::POST, "/v1/messages/count_tokens", Endpoint::Other),
            (Method::GET, "/v1/models", Endpoint::Other),
            (Method::GET, "/v1/models/claude-x@20260101", Endpoint::Other),
        ] {
            assert_eq!(Endpoint::of(&method, path), Some(endpoint), "{path}");
        }
        for path in [
            "/v1/oauth/token",
            "/api/oauth/claude_cli/create_api_key",
            "/v1/files",
            "/v1/messages/batches",
            "/v1/organizations/api_keys",
            "/v1/messages/../oauth/token",
            "/v1/models/../files",
            "/v1/models/%2e%2e/files",
            "//v1/messages",
            "/",
        ] {
            assert_eq!(Endpoint::of(&Method::POST, path), None, "{path}");
            assert_eq!(Endpoint::of(&Method::GET, path), None, "{path}");
        }
    }
}
