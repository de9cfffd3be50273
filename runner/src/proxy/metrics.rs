//! The proxy's metrics. Closed label sets; never a group, a path or a message.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use proto::turn::Usage;
use service::metrics::registered;

/// What the proxy counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    renewals: Family<RenewalLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Outcome {
    /// The model API answered with success.
    Answered,
    /// The model API answered with an error.
    UpstreamError,
    /// The model API could not be reached or did not answer.
    Unreachable,
    /// Wrong or missing token.
    Unauthorised,
    /// Not allowed, too large, or the gate is shut.
    Refused,
    /// The real credential could not be had.
    NoCredential,
    /// Cut off by the gate; counted besides `Answered` when the answer had begun.
    Aborted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum TokenKind {
    Input,
    Output,
    CacheCreation,
    CacheRead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RenewalLabels {
    ok: Renewed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Renewed {
    Yes,
    No,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            requests: registered(
                registry,
                "clawhold_proxy_requests",
                "Requests of sandboxes to the model API",
                Family::default(),
            ),
            tokens: registered(
                registry,
                "clawhold_proxy_tokens",
                "Tokens counted in the model API's answers",
                Family::default(),
            ),
            renewals: registered(
                registry,
                "clawhold_proxy_credential_renewals",
                "Attempts to renew the OAuth access token",
                Family::default(),
            ),
        }
    }

    pub(super) fn request(&self, outcome: Outcome) {
        self.requests.get_or_create(&RequestLabels { outcome }).inc();
    }

    pub(super) fn usage(&self, usage: &Usage) {
        for (kind, tokens) in [
            (TokenKind::Input, usage.input_tokens),
            (TokenKind::Output, usage.output_tokens),
            (TokenKind::CacheCreation, usage.cache_creation_input_tokens),
            (TokenKind::CacheRead, usage.cache_read_input_tokens),
        ] {
            self.tokens.get_or_create(&TokenLabels { kind }).inc_by(tokens);
        }
    }

    pub(super) fn renewal(&self, ok: bool) {
        let ok = if ok { Renewed::Yes } else { Renewed::No };
        self.renewals.get_or_create(&RenewalLabels { ok }).inc();
    }
}
