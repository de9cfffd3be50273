//! What Graph's errors mean for a message. Its codes decide, not the status, which is 400 for nearly all of them.

use std::time::Duration;

use proto::outbound::SendOutcome;
use serde::Deserialize;

use crate::rest::{Account, Answered, Exchange, common_outcome};

/// Wait after the whole account made too many calls: its limits are per hour.
const ACCOUNT_WAIT: Duration = Duration::from_secs(60);
/// Wait after the number sent too many messages: its limit is per second.
const NUMBER_WAIT: Duration = Duration::from_secs(2);
/// First and longest wait after one person was sent too many messages: 4ⁿ seconds, as the platform asks.
const PAIR_WAIT: Duration = Duration::from_secs(4);
const PAIR_WAIT_MAX: Duration = Duration::from_secs(3_600);

/// The code for free text after the 24 hours.
pub(super) const RE_ENGAGEMENT: u32 = 131_047;

/// An error of the Graph API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GraphError {
    pub(super) code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_data: Option<ErrorData>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ErrorData {
    #[serde(default)]
    details: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    error: GraphError,
}

impl GraphError {
    /// The error in an answer, if it is one of Graph's.
    pub(super) fn of(answered: &Answered) -> Option<Self> {
        let body: Body = serde_json::from_slice(&answered.body).ok()?;
        Some(body.error)
    }

    /// As people are told.
    pub(super) fn says(&self) -> String {
        let details = self.error_data.as_ref().and_then(|data| data.details.as_deref());
        match details {
            Some(details) if !self.message.contains(details) => {
                format!("WhatsApp says: {} (code {}): {details}", self.message, self.code)
            }
            _ => format!("WhatsApp says: {} (code {})", self.message, self.code),
        }
    }

    /// Whether nothing of this account can go on before somebody acts.
    pub(super) fn refuses_the_account(&self) -> bool {
        matches!(
            self.code,
            0 | 10 | 102 | 104 | 190 | 200..=299 | 368 | 131_005 | 131_031 | 131_042 | 133_010
        )
    }
}

/// What became of a send; `failures` are those of its delivery so far. `Err` is a success, to be read.
#[expect(clippy::result_large_err, reason = "an answer is moved once per call")]
pub(super) fn outcome(exchange: Exchange, failures: u32) -> Result<SendOutcome, Answered> {
    if let Exchange::Answered(answered) = &exchange
        && !answered.status.is_success()
        && let Some(error) = GraphError::of(answered)
    {
        return Ok(meaning(&error, answered.retry_after(), failures));
    }
    common_outcome(exchange, Account::LimitsChats, |_| None)
}

/// An error in Graph's own form is its word that the message was not accepted.
fn meaning(error: &GraphError, retry_after: Option<Duration>, failures: u32) -> SendOutcome {
    let reason = error.says();
    let wait = |own: Duration| Some(retry_after.unwrap_or(own));
    match error.code {
        _ if error.refuses_the_account() => SendOutcome::AccountDown { reason, retry_after },
        4 | 80_007 | 131_048 | 133_016 => SendOutcome::AccountDown {
            reason,
            retry_after: wait(ACCOUNT_WAIT),
        },
        130_429 => SendOutcome::NotSent {
            reason,
            retry_after: wait(NUMBER_WAIT),
        },
        131_056 => SendOutcome::NotSent {
            reason,
            retry_after: wait(
                PAIR_WAIT
                    .saturating_mul(4_u32.saturating_pow(failures))
                    .min(PAIR_WAIT_MAX),
            ),
        },
        1 | 2 | 131_000 | 131_016 | 131_057 => SendOutcome::NotSent { reason, retry_after },
        _ => SendOutcome::Rejected { reason },
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn said(status: u16, body: &str) -> SendOutcome {
        let answered = Answered {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        };
        outcome(Exchange::Answered(answered), 2).unwrap()
    }

    fn graph(status: u16, code: u32) -> SendOutcome {
        said(
            status,
            &format!(r#"{{"error":{{"message":"m","code":{code},"error_data":{{"details":"d"}}}}}}"#),
        )
    }

    #[test]
    fn graphs_codes_decide_whatever_the_status() {
        for code in [190, 10, 368, 131_031] {
            assert!(matches!(graph(400, code), SendOutcome::AccountDown { .. }), "{code}");
        }
        for code in [131_026, 131_047, 100, 132_001, 999_999] {
            assert!(matches!(graph(400, code), SendOutcome::Rejected { .. }), "{code}");
        }
        for code in [131_000, 131_016, 2] {
            assert!(
                matches!(graph(500, code), SendOutcome::NotSent { retry_after: None, .. }),
                "{code}"
            );
        }
        let SendOutcome::Rejected { reason } = graph(400, 131_026) else {
            panic!("it will never arrive");
        };
        assert_eq!(reason, "WhatsApp says: m (code 131026): d");
    }

    #[test]
    fn limits_say_how_long_to_wait_and_whether_others_must() {
        let seconds = |outcome| match outcome {
            SendOutcome::NotSent { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (seconds(graph(400, 130_429)), seconds(graph(400, 131_056))),
            (Some(2), Some(64))
        );
        assert!(matches!(
            graph(400, 80_007),
            SendOutcome::AccountDown {
                retry_after: Some(_),
                ..
            }
        ));
    }

    #[test]
    fn what_is_no_answer_of_graph_is_judged_by_its_status() {
        assert!(matches!(said(502, "<html>"), SendOutcome::Uncertain { .. }));
        assert!(matches!(said(401, ""), SendOutcome::AccountDown { .. }));
    }
}
