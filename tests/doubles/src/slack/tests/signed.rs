use std::sync::Mutex;

use async_trait::async_trait;
use http::StatusCode;

use super::*;
use crate::platform::{Answer, Call, Platform};
use crate::slack::{SIGNING_SECRET, signature};

/// An app's own address: notes what comes, and fails as often as it is told to.
#[derive(Default)]
struct App {
    failing: Mutex<usize>,
    calls: Mutex<Vec<Call>>,
}

#[async_trait]
impl Platform for App {
    async fn answer(&self, call: Call) -> Answer {
        let body = call.json().unwrap();
        self.calls.lock().unwrap().push(call);
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Answer::empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        Answer::json(StatusCode::OK, &json!({ "challenge": body["challenge"] }))
    }

    fn busy(&self, _: &Call, _: Duration) -> Answer {
        Answer::empty(StatusCode::TOO_MANY_REQUESTS)
    }

    fn is_effect(&self, _: &Call) -> bool {
        true
    }
}

#[test]
fn the_signature_is_the_one_in_slacks_documents() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signed = signature("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body);
    assert_eq!(
        signed,
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    );
}

#[tokio::test]
async fn a_request_is_repeated_with_its_number_and_reason_until_it_is_taken() {
    let subject = subject().await;
    subject.slack.set_retries(Duration::from_secs(3), &[Duration::ZERO; 3]);
    let app = Arc::new(App::default());
    *app.failing.lock().unwrap() = 1;
    let hook = start(Arc::clone(&app), Arc::new(Faults::default())).await.unwrap();
    assert!(!subject.slack.verify_url(&hook.url()).await.unwrap());
    assert!(subject.slack.verify_url(&hook.url()).await.unwrap());
    *app.failing.lock().unwrap() = 1;
    subject.slack.say(&subject.channel, &subject.ada, "hello");
    let url = hook.url();
    tokio::select! {
        () = subject.slack.deliver_events_to(&url) => unreachable!("it goes on for ever"),
        () = until("taken", || subject.slack.acknowledged() == 1) => {}
    }
    let calls = app.calls.lock().unwrap();
    let retry = &calls[3];
    assert_eq!(
        (retry.header("x-slack-retry-num"), retry.header("x-slack-retry-reason")),
        (Some("1"), Some("http_error"))
    );
    let timestamp = retry.header("x-slack-request-timestamp").unwrap().parse().unwrap();
    let expected = signature(SIGNING_SECRET, timestamp, std::str::from_utf8(&retry.body).unwrap());
    assert_eq!(retry.header("x-slack-signature"), Some(expected.as_str()));
}
