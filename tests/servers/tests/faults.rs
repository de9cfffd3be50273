//! Each fault is what a client on a real network would see.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use servers::TcpFaults;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Long enough for a byte that is on its way, short enough to wait for one that must not come.
const MOMENT: Duration = Duration::from_millis(300);
/// For what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that says back what it is told; the receiver sees what reached it, and an empty message at the end of each connection.
async fn echo() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 64];
                loop {
                    let count = stream.read(&mut bytes).await.unwrap_or(0);
                    let _ = sender.send(bytes[..count].to_vec());
                    if count == 0 || stream.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, receiver)
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(bytes, text.as_bytes());
}

async fn hear_nothing(stream: &mut TcpStream) {
    let heard = timeout(MOMENT, stream.read(&mut [0; 64])).await;
    assert!(heard.is_err(), "something came through: {heard:?}");
}

async fn hear_a_reset(stream: &mut TcpStream) {
    let error = timeout(PATIENCE, stream.read(&mut [0; 64])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// A connection that works.
async fn connected(faults: &TcpFaults) -> TcpStream {
    let mut stream = TcpStream::connect(faults.addr()).await.unwrap();
    say(&mut stream, "hello").await;
    hear(&mut stream, "hello").await;
    stream
}

#[tokio::test]
async fn an_orderly_end_stays_orderly() {
    let (server, _heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    stream.shutdown().await.unwrap();
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_cut_network_resets_and_refuses_until_it_heals() {
    let (server, _heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    faults.cut().await;
    hear_a_reset(&mut stream).await;
    let refused = TcpStream::connect(faults.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    faults.heal().await;
    connected(&faults).await;
}

#[tokio::test]
async fn a_blackhole_accepts_and_delivers_when_it_heals() {
    let (server, mut heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut old = connected(&faults).await;
    assert_eq!(heard.recv().await.unwrap(), b"hello");
    faults.blackhole();
    say(&mut old, "one").await;
    let mut new = TcpStream::connect(faults.addr()).await.unwrap();
    say(&mut new, "two").await;
    hear_nothing(&mut old).await;
    hear_nothing(&mut new).await;
    assert!(heard.try_recv().is_err(), "the server heard something");
    faults.heal().await;
    hear(&mut old, "one").await;
    hear(&mut new, "two").await;
}

#[tokio::test]
async fn held_answers_leave_the_client_in_doubt() {
    let (server, mut heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    assert_eq!(heard.recv().await.unwrap(), b"hello");
    faults.hold_answers();
    say(&mut stream, "commit").await;
    assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), b"commit");
    hear_nothing(&mut stream).await;
    faults.reset_all().await;
    hear_a_reset(&mut stream).await;
}

#[tokio::test]
async fn of_a_half_open_connection_only_the_server_knows() {
    let (server, mut heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    assert_eq!(heard.recv().await.unwrap(), b"hello");
    faults.half_open();
    assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), b"");
    say(&mut stream, "lost").await;
    hear_nothing(&mut stream).await;
    connected(&faults).await;
    faults.heal().await;
    hear_a_reset(&mut stream).await;
}

#[tokio::test]
async fn a_reset_hits_the_connections_there_are() {
    let (server, _heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    faults.reset_all().await;
    hear_a_reset(&mut stream).await;
    connected(&faults).await;
}

#[tokio::test]
async fn delay_is_latency_and_not_a_limit_on_throughput() {
    let (server, _heard) = echo().await;
    let faults = TcpFaults::start(server).await;
    let mut stream = connected(&faults).await;
    faults.delay(Duration::from_millis(100));
    let started = Instant::now();
    for _ in 0..20 {
        say(&mut stream, "x").await;
    }
    hear(&mut stream, &"x".repeat(20)).await;
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(200), "there and back took {elapsed:?}");
    assert!(
        elapsed < Duration::from_secs(2),
        "each byte waited for the one before: {elapsed:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_down_resets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    drop(listener);
    let faults = TcpFaults::start(server).await;
    let mut stream = TcpStream::connect(faults.addr()).await.unwrap();
    hear_a_reset(&mut stream).await;
}
