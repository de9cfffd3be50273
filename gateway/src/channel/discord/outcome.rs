//! What Discord's answer to a message or a reaction means.

use http::StatusCode;
use proto::outbound::SendOutcome;

use super::api::{refused, retry_after, said};
use super::model::{Identified, Problem};
use crate::rest::{Account, Answered, Exchange, common_outcome};

pub(super) fn outcome(exchange: Exchange) -> SendOutcome {
    if let Exchange::Answered(answered) = &exchange {
        match answered.status {
            StatusCode::TOO_MANY_REQUESTS => return limited(answered),
            StatusCode::UNAUTHORIZED => {
                return SendOutcome::AccountDown {
                    reason: refused(),
                    retry_after: None,
                };
            }
            _ => {}
        }
    }
    let sent = match common_outcome(exchange, Account::LimitsChats, words) {
        Ok(outcome) => return outcome,
        Err(answered) => answered,
    };
    // A reaction is answered without a body.
    let id = sent.json::<Identified>().ok().map(|message| message.id.to_string());
    SendOutcome::Sent { platform_id: id }
}

/// A limit of the route concerns this chat. One of the whole bot says so; and what comes in front of the API when a bot was
/// refused too often has no words of Discord's.
fn limited(answered: &Answered) -> SendOutcome {
    let (reason, retry_after) = (said(answered), retry_after(answered));
    match answered.json::<Problem>() {
        Ok(problem) if problem.retry_after.is_some() && !problem.global => SendOutcome::NotSent { reason, retry_after },
        _ => SendOutcome::AccountDown { reason, retry_after },
    }
}

fn words(answered: &Answered) -> Option<String> {
    let problem = answered.json::<Problem>().ok()?;
    let hint = match problem.code {
        10003 => ": the channel was deleted",
        50001 | 50013 => {
            ": give the bot the permissions \"View Channel\", \"Send Messages\" and \"Attach Files\" there"
        }
        50007 => ": the person takes no direct messages from this bot",
        40005 => ": the file is larger than this server allows",
        _ => "",
    };
    (!problem.message.is_empty()).then(|| format!("{} (code {}){hint}", problem.message, problem.code))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use std::time::Duration;

    use super::*;

    fn of(status: u16, body: &'static str) -> SendOutcome {
        outcome(Exchange::Answered(Answered {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }))
    }

    #[test]
    fn a_limit_of_the_route_holds_up_the_chat_and_one_of_the_bot_the_account() {
        let route = of(
            429,
            r#"{"message":"You are being rate limited.","retry_after":0.25,"global":false}"#,
        );
        let wait = Some(Duration::from_millis(250));
        assert!(matches!(route, SendOutcome::NotSent { retry_after, .. } if retry_after == wait));
        let bot = of(
            429,
            r#"{"message":"You are being rate limited.","retry_after":0.25,"global":true}"#,
        );
        assert!(matches!(bot, SendOutcome::AccountDown { retry_after, .. } if retry_after == wait));
        assert!(matches!(of(429, "error code: 1015"), SendOutcome::AccountDown { .. }));
    }

    #[test]
    fn what_never_will_be_taken_says_why_and_what_to_do() {
        let refused = of(403, r#"{"message":"Missing Access","code":50001}"#);
        let SendOutcome::Rejected { reason } = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains("Missing Access (code 50001): give the bot"), "{reason}");
        assert!(matches!(of(401, "{}"), SendOutcome::AccountDown { .. }));
    }

    #[test]
    fn a_success_names_the_message() {
        let sent = SendOutcome::Sent {
            platform_id: Some("42".to_owned()),
        };
        assert_eq!(of(200, r#"{"id":"42","content":"x"}"#), sent);
        assert_eq!(of(204, ""), SendOutcome::Sent { platform_id: None });
    }
}
