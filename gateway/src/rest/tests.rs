//! How far calls get, against a peer that misbehaves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use proto::outbound::SendOutcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn rest(base: &str) -> Rest {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Rest::new(base, ["s3cret".to_owned()]).unwrap()
}

/// A peer that reads a request and then writes these bytes and closes.
async fn peer(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the peer ends with the test")]
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await;
        socket.write_all(answer).await.unwrap();
    });
    format!("http://{address}")
}

async fn get(base: &str) -> Exchange {
    let rest = rest(base);
    let request = rest.request(reqwest::Method::GET, "bots3cret/call");
    rest.call(request).await
}

#[tokio::test]
async fn a_refused_connection_was_not_sent_and_the_credential_is_not_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    match get(&format!("http://{address}")).await {
        Exchange::NotSent { reason } => assert!(!reason.contains("s3cret"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_left_and_was_not_answered_in_whole_is_lost() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200",
    ] {
        let exchange = get(&peer(answer).await).await;
        assert!(matches!(exchange, Exchange::Lost { .. }), "{exchange:?}");
    }
}

#[tokio::test]
async fn an_error_whose_text_is_cut_off_is_still_that_error() {
    let exchange = get(&peer(b"HTTP/1.1 400 Bad\r\ncontent-length: 10\r\n\r\nhalf").await).await;
    assert!(matches!(exchange, Exchange::Answered(answer) if answer.status == StatusCode::BAD_REQUEST));
}

#[tokio::test]
async fn a_download_is_bounded_by_its_size_and_read_whole() {
    for (bytes_max, is_whole) in [(5, true), (4, false)] {
        let rest = rest(&peer(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await);
        let request = rest.request(reqwest::Method::GET, "file");
        match rest.call_up_to(request, bytes_max).await {
            Exchange::Answered(answer) => assert!(is_whole && answer.body == "hello"),
            Exchange::Lost { reason } => assert!(!is_whole && reason.contains("larger than 4"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_time_for_a_file_grows_with_its_size() {
    const MIB: usize = 1024 * 1024;
    for (bytes, seconds) in [(0, 30), (1, 31), (MIB, 38), (20 * MIB, 190), (72 * MIB, 606)] {
        assert_eq!(timeout_for(bytes).as_secs(), seconds, "{bytes}");
    }
}

fn outcome(status: u16, retry_after: Option<&str>) -> SendOutcome {
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after {
        headers.insert("retry-after", value.parse().unwrap());
    }
    let answered = Answered {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::new(),
    };
    common_outcome(Exchange::Answered(answered), Account::LimitsChats, |_| None).unwrap()
}

#[test]
fn the_status_alone_says_whether_it_may_be_repeated() {
    assert!(matches!(
        outcome(429, Some("1.5")),
        SendOutcome::NotSent { retry_after: Some(wait), .. } if wait == Duration::from_millis(1_500)
    ));
    assert!(matches!(outcome(401, None), SendOutcome::AccountDown { .. }));
    assert!(matches!(outcome(503, Some("1")), SendOutcome::NotSent { .. }));
    for unknown in [408, 500, 502, 503, 504] {
        assert!(
            matches!(outcome(unknown, None), SendOutcome::Uncertain { .. }),
            "{unknown}"
        );
    }
    for never in [301, 400, 403, 404, 413] {
        assert!(matches!(outcome(never, None), SendOutcome::Rejected { .. }), "{never}");
    }
}

#[test]
fn a_wait_that_makes_no_sense_is_not_believed() {
    for (said, believed) in [
        ("7", Some(7)),
        ("999999", Some(3_600)),
        ("-1", None),
        ("soon", None),
        ("NaN", None),
    ] {
        let SendOutcome::NotSent { retry_after, .. } = outcome(429, Some(said)) else {
            panic!("429 is not now");
        };
        assert_eq!(retry_after.map(|wait| wait.as_secs()), believed, "{said}");
    }
}
