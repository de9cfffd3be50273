//! The server restarts under load, in an orderly way and by a crash: no call is wrongly reported as done or not done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::ids::{InboxOrd, RunnerId, TurnId};
use proto::turn::Committed;
use servers::Postgres;
use store::postgres::PostgresStore;
use store::{Appended, Begun, Error, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{NOW, claim, commit_of, envelope, number, open, register, sql};

const GROUPS: u128 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_and_doubles_nothing() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let store = open(&url).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    let mut runners = JoinSet::new();
    for n in 0..GROUPS {
        register(&store, &format!("g{n}")).await;
        writers.spawn(write(Arc::clone(&store), n, Arc::clone(&stop)));
        runners.spawn(run(Arc::clone(&store), n, Arc::clone(&stop)));
    }
    for crash in [false, true, false, true] {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if crash {
            server.stop_hard().await;
        }
        server.restart().await;
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    stop.store(true, Ordering::Relaxed);
    let accepted: BTreeMap<String, Option<i64>> = writers.join_all().await.into_iter().flatten().collect();
    let reported = runners.join_all().await.into_iter().sum::<i64>();

    let client = sql(&url).await;
    let rows = client.query("SELECT dedup_key, ord FROM messages", &[]).await.unwrap();
    let stored: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(stored.len() > 100, "there was load: {}", stored.len());
    assert_eq!(
        stored.len(),
        accepted.len(),
        "what was answered, and nothing else, is there"
    );
    for (key, ord) in accepted {
        assert!(ord.is_none_or(|ord| ord == stored[&key]), "{key}");
    }
    assert_eq!(
        number(&client, "SELECT COUNT(*) FROM turns WHERE state = 'committed'").await,
        reported
    );
    assert_eq!(
        number(&client, "SELECT COUNT(*) FROM outbox").await,
        reported,
        "one reply per committed turn"
    );
    assert_eq!(number(&client, "SELECT COUNT(*) FROM usage").await, reported);
}

/// Appends until told to stop, each message until it is surely there. Returns the keys with the position, where one was
/// answered.
async fn write(store: Arc<PostgresStore>, n: u128, stop: Arc<AtomicBool>) -> Vec<(String, Option<i64>)> {
    let mut written = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let envelope = envelope(&format!("g{n}"), format!("{n}:{}", written.len()));
        let mut in_doubt = false;
        let ord = loop {
            match store.append_inbox(&envelope, NOW).await {
                Ok(Appended::Stored(InboxOrd(ord))) => break Some(ord),
                Ok(Appended::Duplicate) => {
                    assert!(in_doubt, "{} was never stored", envelope.dedup_key);
                    break None;
                }
                Err(error) => wait_out(error, &mut in_doubt).await,
            }
        };
        written.push((envelope.dedup_key, ord));
    }
    written
}

/// Serves one group as one runner, and counts the turns that it was told are committed.
async fn run(store: Arc<PostgresStore>, n: u128, stop: Arc<AtomicBool>) -> i64 {
    let name = format!("r{n}");
    let (mut committed, mut claims) = (0, 0);
    let mut doubt = false;
    let life = loop {
        match store.register_runner(&RunnerId::new(&name), 1, NOW).await {
            Ok(life) => break life,
            Err(error) => wait_out(error, &mut doubt).await,
        }
    };
    while !stop.load(Ordering::Relaxed) {
        doubt = false;
        let fence = match store.claim_groups(&claim(&name, life, 1)).await {
            Ok(mut claimed) => claimed.pop().map(|claimed| claimed.fence),
            Err(error) => {
                wait_out(error, &mut doubt).await;
                None
            }
        };
        // A claim whose answer was lost is found here.
        let fence = match fence {
            Some(fence) => fence,
            None => match store.owned_groups(&RunnerId::new(&name), life).await {
                Ok(mut owned) if !owned.is_empty() => owned.remove(0),
                _ => continue,
            },
        };
        claims += 1;
        let fresh = TurnId(Uuid::from_u128((n << 64) | claims));
        let begun = loop {
            match store.begin_turn(&fence, fresh, NOW).await {
                Ok(begun) => break begun,
                Err(error) => wait_out(error, &mut doubt).await,
            }
        };
        if let Begun::Turn(batch) = begun {
            let (commit, ids) = commit_of(&batch);
            let mut in_doubt = false;
            loop {
                match store.commit_turn(&fence, &commit, &ids).await {
                    Ok(Committed::Now { .. }) => break,
                    Ok(Committed::Before) => {
                        assert!(in_doubt, "nobody had committed it");
                        break;
                    }
                    Err(error) => wait_out(error, &mut in_doubt).await,
                }
            }
            committed += 1;
        }
        let mut in_doubt = false;
        loop {
            match store.release_group(&fence, false, NOW).await {
                Ok(()) => break,
                Err(Error::Fenced(_)) => {
                    assert!(in_doubt, "nobody else took it");
                    break;
                }
                Err(error) => wait_out(error, &mut in_doubt).await,
            }
        }
    }
    committed
}

/// Nothing but "unknown" may be said while the server is away.
async fn wait_out(error: Error, in_doubt: &mut bool) {
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    *in_doubt = true;
    tokio::time::sleep(Duration::from_millis(20)).await;
}
