//! Answers on their way.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::post;
use futures::{StreamExt as _, stream};
use proto::turn::Usage;
use tokio::sync::{Mutex, mpsc};

use super::place::{Place, error_of, until};

const START: &str =
    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n";
const DELTA: &str = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":34}}\n\n";

/// An upstream whose answer the test writes piece by piece.
async fn dictated() -> (Place, mpsc::Sender<Result<Bytes, std::io::Error>>) {
    let (pieces, receiver) = mpsc::channel(8);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let answer = move || async move {
        let receiver = receiver.lock().await.take().expect("one request");
        let body = stream::unfold(receiver, |mut receiver| async {
            Some((receiver.recv().await?, receiver))
        });
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::from_stream(body))
            .unwrap()
    };
    (
        Place::before(Router::new().route("/v1/messages", post(answer))).await,
        pieces,
    )
}

fn is(usage: Usage, input: u64, output: u64) -> bool {
    (usage.input_tokens, usage.output_tokens) == (input, output)
}

#[tokio::test]
async fn pieces_arrive_before_the_answer_is_complete_and_are_counted() {
    let (place, pieces) = dictated().await;
    pieces.send(Ok(Bytes::from(START))).await.unwrap();
    let mut response = place.post("{}").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), START);
    pieces.send(Ok(Bytes::from(DELTA))).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), DELTA);
    drop(pieces);
    assert_eq!(response.chunk().await.unwrap(), None);
    until(|| is(place.handle.totals().usage, 12, 34)).await;
    assert_eq!(place.handle.totals().requests, 1);
    assert!(
        place
            .metrics()
            .contains(r#"clawhold_proxy_tokens_total{kind="Output"} 34"#),
        "{}",
        place.metrics()
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_complete_answer_and_counts_as_far_as_it_came() {
    let (place, pieces) = dictated().await;
    pieces.send(Ok(Bytes::from(START))).await.unwrap();
    let mut response = place.post("{}").send().await.unwrap();
    response.chunk().await.unwrap();
    pieces.send(Err(std::io::Error::other("broken"))).await.unwrap();
    assert!(
        response.chunk().await.is_err(),
        "the end is not taken for the end of the answer"
    );
    until(|| is(place.handle.totals().usage, 12, 1)).await;
}

#[tokio::test]
async fn shutting_aborts_what_is_under_way_and_refuses_until_it_opens_again() {
    let (place, pieces) = dictated().await;
    pieces.send(Ok(Bytes::from(START))).await.unwrap();
    let mut response = place.post("{}").send().await.unwrap();
    response.chunk().await.unwrap();
    place.handle.shut();
    assert!(response.chunk().await.is_err(), "aborted");
    let (status, kind, _) = error_of(place.post("{}").send().await.unwrap()).await;
    assert_eq!((status, kind.as_str()), (503, "api_error"));
    place.handle.reopen();
    let models = place
        .client
        .get(place.url("/v1/models"))
        .header("x-api-key", place.token.expose());
    assert_eq!(models.send().await.unwrap().status(), 404, "the upstream's own answer");
}

#[tokio::test]
async fn shutting_also_aborts_a_request_whose_answer_has_not_begun() {
    let waiting = Arc::new(AtomicUsize::new(0));
    let arrived = Arc::clone(&waiting);
    let never = move || async move {
        arrived.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    };
    let place = Place::before(Router::new().route("/v1/messages", post(never))).await;
    let asking = place.post("{}").send();
    let shutting = async {
        until(|| waiting.load(Ordering::SeqCst) == 1).await;
        place.handle.shut();
    };
    let (answer, ()) = tokio::join!(asking, shutting);
    assert_eq!(answer.unwrap().status(), 503);
}

#[tokio::test]
async fn closing_ends_running_answers_and_the_listener() {
    let (place, pieces) = dictated().await;
    pieces.send(Ok(Bytes::from(START))).await.unwrap();
    let mut response = place.post("{}").send().await.unwrap();
    response.chunk().await.unwrap();
    place.handle.close();
    assert!(response.chunk().await.is_err());
    let address = place.url("").replace("http://", "");
    until(|| std::net::TcpStream::connect(&address).is_err()).await;
    place.handle.reopen();
    assert!(place.post("{}").send().await.is_err(), "closed for good");
}

#[tokio::test]
async fn an_agent_that_hangs_up_ends_the_request_to_the_api() {
    let (place, pieces) = dictated().await;
    pieces.send(Ok(Bytes::from(START))).await.unwrap();
    let mut response = place.post("{}").send().await.unwrap();
    response.chunk().await.unwrap();
    drop(response);
    let gone = tokio::time::timeout(Duration::from_secs(10), pieces.closed()).await;
    assert!(gone.is_ok(), "nobody pays for an answer that nobody reads");
}

#[tokio::test]
async fn an_agent_that_does_not_read_slows_the_api_down() {
    const PIECE: usize = 64 * 1024;
    let made = Arc::new(AtomicUsize::new(0));
    let making = Arc::clone(&made);
    let endless = move || async move {
        let pieces = stream::repeat_with(move || {
            making.fetch_add(PIECE, Ordering::SeqCst);
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; PIECE]))
        });
        Body::from_stream(pieces.take(16_384))
    };
    let place = Place::before(Router::new().route("/v1/messages", post(endless))).await;
    let mut response = place.post("{}").send().await.unwrap();
    let mut before = usize::MAX;
    // Settled: nothing more is made while nobody reads.
    let settling = async {
        while std::mem::replace(&mut before, made.load(Ordering::SeqCst)) != before {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), settling)
        .await
        .expect("it settles");
    assert!(
        before < 64 * 1024 * 1024,
        "{before} of 1 GiB were taken from the upstream"
    );
    response.chunk().await.unwrap();
}
