//! Trace context: ties what happens to one message together, over processes (W3C Trace Context, level 1).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A `traceparent` of version 00, as it rides in envelopes, message headers and rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext(String);

/// Why a text is no trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of version 00 (00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not all zero)")]
pub struct InvalidTraceContext;

impl TraceContext {
    /// Reads a `traceparent` header.
    ///
    /// # Errors
    /// [`InvalidTraceContext`]; who gets one from outside goes on without.
    pub fn parse(text: &str) -> Result<Self, InvalidTraceContext> {
        let parts: Vec<_> = text.split('-').collect();
        let [version, trace, parent, flags] = parts[..] else {
            return Err(InvalidTraceContext);
        };
        let hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let named = |part: &str| part.bytes().any(|b| b != b'0');
        let valid =
            version == "00" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2) && named(trace) && named(parent);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTraceContext)
        }
    }

    /// Starts a trace; `seed` is a fresh id.
    pub fn start(seed: Uuid) -> Self {
        // The end of a UUIDv7 is its random part.
        let (trace, parent) = (seed.as_u128(), (seed.as_u128() as u64) | 1);
        Self(format!("00-{trace:032x}-{parent:016x}-01"))
    }

    /// The header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the trace, for logs: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = InvalidTraceContext;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_was() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::parse(header).unwrap();
        assert_eq!((context.as_str(), context.trace_id()), (header, &header[3..35]));
    }

    #[test]
    fn what_is_no_trace_context_is_refused() {
        for header in [
            "",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(TraceContext::parse(header), Err(InvalidTraceContext), "{header}");
        }
    }

    #[test]
    fn a_started_trace_is_a_valid_one() {
        let started = TraceContext::start(Uuid::from_u128(1 << 100));
        assert_eq!(TraceContext::parse(started.as_str()), Ok(started));
    }
}
