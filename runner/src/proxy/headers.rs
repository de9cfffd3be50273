//! Which headers pass, and where the credential goes.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use super::credentials::Credential;

/// Without this beta the API does not take OAuth tokens (CP-D3).
const OAUTH_BETA: &str = "oauth-2025-04-20";
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Meant for one connection only.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers for the model API: the agent's, without what is about its connection or its token, with the real credential.
pub(super) fn for_upstream(client: &HeaderMap, credential: Option<&Credential>) -> HeaderMap {
    let mut headers = without_hop_by_hop(client);
    for name in [HOST, CONTENT_LENGTH, EXPECT, COOKIE, AUTHORIZATION, API_KEY] {
        headers.remove(name);
    }
    // An answer that is compressed cannot be counted, and the agent is a few copies away, not a network.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    match credential {
        None => {}
        Some(Credential::ApiKey(key)) => {
            headers.insert(API_KEY, key.clone());
        }
        Some(Credential::Bearer(bearer)) => {
            headers.insert(AUTHORIZATION, bearer.clone());
            add_oauth_beta(&mut headers);
        }
    }
    headers
}

/// Headers for the agent.
pub(super) fn for_agent(upstream: &HeaderMap) -> HeaderMap {
    without_hop_by_hop(upstream)
}

fn without_hop_by_hop(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    let listed = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for name in listed.flat_map(|value| value.split(',')).map(str::trim) {
        kept.remove(name);
    }
    for name in &HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

fn add_oauth_beta(headers: &mut HeaderMap) {
    let listed = headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok());
    if !listed
        .flat_map(|value| value.split(','))
        .any(|beta| beta.trim() == OAUTH_BETA)
    {
        headers.append(BETA, HeaderValue::from_static(OAUTH_BETA));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> HeaderMap {
        let pairs = [
            ("host", "127.0.0.1:1234"),
            ("connection", "keep-alive, x-private"),
            ("x-private", "hop"),
            ("transfer-encoding", "chunked"),
            ("x-api-key", "run token"),
            ("authorization", "Bearer run token"),
            ("anthropic-beta", "a-1,b-2"),
            ("anthropic-version", "2023-06-01"),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn an_api_key_takes_the_place_of_the_token() {
        let key = Credential::ApiKey(HeaderValue::from_static("real"));
        assert_eq!(
            shown(&for_upstream(&client(), Some(&key))),
            [
                "accept-encoding: identity",
                "anthropic-beta: a-1,b-2",
                "anthropic-version: 2023-06-01",
                "x-api-key: real"
            ]
        );
    }

    #[test]
    fn an_oauth_token_brings_its_beta_once() {
        let bearer = Credential::Bearer(HeaderValue::from_static("Bearer real"));
        let mut headers = client();
        let lines = shown(&for_upstream(&headers, Some(&bearer)));
        assert!(
            lines.contains(&"authorization: Bearer real".to_owned())
                && !lines.iter().any(|line| line.contains("api-key"))
        );
        assert!(
            lines.contains(&"anthropic-beta: oauth-2025-04-20".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"anthropic-beta: a-1,b-2".to_owned()), "the others stay");
        headers.insert(BETA, HeaderValue::from_static("x, oauth-2025-04-20"));
        let lines = shown(&for_upstream(&headers, Some(&bearer)));
        assert_eq!(lines.iter().filter(|line| line.contains("oauth")).count(), 1);
    }

    #[test]
    fn without_a_credential_nothing_of_the_token_remains() {
        assert!(
            !shown(&for_upstream(&client(), None))
                .iter()
                .any(|line| line.contains("token"))
        );
    }
}
