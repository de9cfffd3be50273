//! Many runners at once: nobody ever shares a group, and nothing is lost or done twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proto::ids::{RunnerId, TurnId};
use servers::Postgres;
use store::postgres::{Config, PostgresStore};
use store::{Begun, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{NOW, claim, commit_of, envelope, number, register, sql};

const RUNNERS: u128 = 16;
const GROUPS: u128 = 24;
const MESSAGES: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claimers_never_share_a_group() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let config = Config {
        pool_size: RUNNERS as usize,
        ..Config::new(url.clone())
    };
    let store = Arc::new(PostgresStore::connect(&config, NOW).await.unwrap());
    for n in 0..GROUPS {
        register(&store, &format!("g{n}")).await;
    }
    let mut tasks = JoinSet::new();
    for n in 0..GROUPS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for message in 0..MESSAGES {
                let envelope = envelope(&format!("g{n}"), format!("{n}:{message}"));
                store.append_inbox(&envelope, NOW).await.unwrap();
            }
        });
    }
    let served = Arc::new(Mutex::new(Served::default()));
    for n in 0..RUNNERS {
        tasks.spawn(serve(Arc::clone(&store), n, Arc::clone(&served)));
    }
    tasks.join_all().await;

    assert_eq!(served.lock().unwrap().messages.len(), GROUPS as usize * MESSAGES);
    let client = sql(&url).await;
    assert_eq!(number(&client, "SELECT COUNT(*) FROM slots").await, 0);
    assert_eq!(
        number(&client, "SELECT COUNT(*) FROM groups WHERE cursor_ord < head_ord").await,
        0
    );
    assert_eq!(
        number(&client, "SELECT COUNT(*) FROM turns WHERE state <> 'committed'").await,
        0
    );
    let (turns, said) = ("SELECT COUNT(*) FROM turns", "SELECT COUNT(*) FROM outbox");
    assert_eq!(number(&client, turns).await, number(&client, said).await);
}

#[derive(Default)]
struct Served {
    /// Groups that somebody holds.
    held: BTreeSet<String>,
    /// Dedup keys of what was in a committed batch.
    messages: BTreeSet<String>,
}

/// Claims, runs and releases until everything that was said is covered.
async fn serve(store: Arc<PostgresStore>, n: u128, served: Arc<Mutex<Served>>) {
    let runner = format!("r{n}");
    let life = store.register_runner(&RunnerId::new(&runner), 2, NOW).await.unwrap();
    let mut turns = 0;
    while served.lock().unwrap().messages.len() < GROUPS as usize * MESSAGES {
        for claimed in store.claim_groups(&claim(&runner, life, 2)).await.unwrap() {
            let fence = claimed.fence;
            assert!(
                served.lock().unwrap().held.insert(fence.group.to_string()),
                "{} is held twice",
                fence.group
            );
            turns += 1;
            let fresh = TurnId(Uuid::from_u128((n << 64) | turns));
            if let Begun::Turn(batch) = store.begin_turn(&fence, fresh, NOW).await.unwrap() {
                let (commit, ids) = commit_of(&batch);
                store.commit_turn(&fence, &commit, &ids).await.unwrap();
                for message in &batch.messages {
                    let once = served
                        .lock()
                        .unwrap()
                        .messages
                        .insert(message.envelope.dedup_key.clone());
                    assert!(once, "{} is served twice", message.envelope.dedup_key);
                }
            }
            // Nobody else can have it before the release, and somebody may right after it.
            assert!(served.lock().unwrap().held.remove(fence.group.as_str()));
            store.release_group(&fence, false, NOW).await.unwrap();
        }
    }
}
