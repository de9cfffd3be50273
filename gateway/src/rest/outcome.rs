//! What most platforms mean by what they answer to a send: a start for each channel's own reading of its errors.

use http::StatusCode;
use proto::outbound::SendOutcome;

use super::{Answered, Exchange};

/// Whether a refusal concerns the one call or the whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// 429 holds for this chat or call.
    LimitsChats,
    /// 429 holds for everything of this account.
    LimitsAll,
}

/// The outcome of a send by the phase its call reached and by its status alone; `Err` is a success, whose body the channel
/// must read. `says` gives the platform's own words for an error.
///
/// # Errors
/// The whole answer of a call that succeeded.
#[expect(clippy::result_large_err, reason = "an answer is moved once per call")]
pub fn common_outcome(
    exchange: Exchange,
    limits: Account,
    says: impl FnOnce(&Answered) -> Option<String>,
) -> Result<SendOutcome, Answered> {
    let answered = match exchange {
        Exchange::NotSent { reason } => {
            return Ok(SendOutcome::NotSent {
                reason,
                retry_after: None,
            });
        }
        Exchange::Lost { reason } => return Ok(SendOutcome::Uncertain { reason }),
        Exchange::Answered(answered) if answered.status.is_success() => return Err(answered),
        Exchange::Answered(answered) => answered,
    };
    let status = answered.status.as_u16();
    let reason = match says(&answered) {
        Some(words) => format!("the platform answered {status}: {words}"),
        None => format!("the platform answered {status}"),
    };
    let retry_after = answered.retry_after();
    Ok(match answered.status {
        StatusCode::TOO_MANY_REQUESTS if limits == Account::LimitsAll => {
            SendOutcome::AccountDown { reason, retry_after }
        }
        StatusCode::TOO_MANY_REQUESTS => SendOutcome::NotSent { reason, retry_after },
        StatusCode::UNAUTHORIZED => SendOutcome::AccountDown { reason, retry_after },
        StatusCode::REQUEST_TIMEOUT => SendOutcome::Uncertain { reason },
        // Said before anything was done.
        StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => SendOutcome::NotSent { reason, retry_after },
        // Whether it was done before the failure is unknown.
        status if status.is_server_error() => SendOutcome::Uncertain { reason },
        _ => SendOutcome::Rejected { reason },
    })
}
