//! The local bus passes the suites of the ports.

use std::sync::Arc;

use proto::time::{ManualClock, Timestamp};

use super::{LocalHints, MemoryLog};
use crate::conformance::{self, group, message};
use crate::{Ingress, Log};

fn log() -> MemoryLog {
    MemoryLog::new(Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000))))
}

#[tokio::test]
async fn the_log_in_memory_is_a_log() {
    let log = log();
    conformance::log::all(&log.ingress(), &log).await;
}

#[tokio::test]
async fn local_hints_are_hints() {
    conformance::hints::all(&LocalHints::new()).await;
}

#[tokio::test]
async fn a_log_that_was_wiped_is_another_one_and_ends_its_readers() {
    let log = log();
    let before = log.state().await.unwrap();
    let mut reader = log.read(3, 0).await.unwrap();
    log.wipe();
    assert!(reader.next(1, std::time::Duration::ZERO).await.is_err());
    let after = log.state().await.unwrap();
    assert_ne!(before.identity, after.identity);
    assert_eq!(after.last_sequence, 0);
}

#[tokio::test]
async fn a_log_that_was_rolled_back_gives_its_sequences_out_again() {
    let log = log();
    let main = group("main");
    for text in ["a", "b", "c"] {
        log.append(message(&main, text));
    }
    let identity = log.state().await.unwrap().identity;
    log.roll_back(1);
    assert_eq!(log.append(message(&main, "d")), 2);
    assert_eq!(log.state().await.unwrap().identity, identity);
}

#[tokio::test]
async fn a_log_that_is_down_takes_nothing() {
    let log = log();
    log.set_down(true);
    let main = group("main");
    assert!(log.ingress().accept(message(&main, "a")).await.is_err());
    log.set_down(false);
    assert!(log.ingress().accept(message(&main, "a")).await.is_ok());
    assert_eq!(log.len(), 1);
}
