//! Indexers over one store and one log.

use std::sync::Arc;
use std::time::Duration;

use bus::Ingress;
use bus::local::{LocalHints, MemoryLog};
use prometheus_client::registry::Registry;
use proto::claim::ClaimRequest;
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, RunnerId};
use proto::inbound::{Details, Envelope};
use proto::time::{Clock, ManualClock, Timestamp};
use service::readiness::Readiness;
use store::Store;
use store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;

use super::super::partition::{Failure, Ticked};
use super::super::{Indexer, IndexerDeps, IndexerMetrics};
use crate::world::{SOON, START};

pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) log: MemoryLog,
    pub(super) clock: ManualClock,
    hints: Arc<LocalHints>,
}

/// An indexer whose parts are ticked by hand.
pub(super) struct Hands {
    indexer: Indexer,
    pub(super) metrics: IndexerMetrics,
}

pub(super) fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub(super) fn message(name: &str, text: &str) -> Envelope {
    Envelope {
        dedup_key: format!("test:bot:{name}/{text}"),
        group: group(name),
        chat: ChatId::new(format!("test:{name}")),
        sender: "ada".into(),
        sender_name: "Ada".into(),
        text: text.into(),
        sent_at: START,
        engages: true,
        trace: None,
        task: None,
        details: Details::default(),
    }
}

/// Registers groups, each with its chat.
pub(super) async fn register(store: &dyn Store, names: &[&str]) {
    for name in names {
        let row = Group {
            id: group(name),
            name: (*name).to_owned(),
            is_main: *name == "main",
            settings: GroupSettings::default(),
            created_at: START,
        };
        store.put_group(&row).await.unwrap();
        let seen = ChatSeen {
            id: ChatId::new(format!("test:{name}")),
            channel: "test".into(),
            account: "bot".into(),
            name: None,
            is_group_chat: Some(true),
            seen_at: START,
            parent: None,
        };
        let chat = store.see_chat(&seen).await.unwrap().id;
        store.register_chat(&chat, Some(&row.id)).await.unwrap();
    }
}

/// Texts of a group's inbox, read as a runner reads them.
pub(super) async fn inbox(store: &dyn Store, name: &str, count: usize) -> Vec<String> {
    let runner = RunnerId::new("reader");
    let now = Timestamp::from_millis(START.as_millis() + 3_600_000);
    let incarnation = store.register_runner(&runner, 1_000, now).await.unwrap();
    let mut texts = Vec::new();
    let request = ClaimRequest {
        runner,
        incarnation,
        free_slots: 1_000,
        now,
    };
    let claimed = store.claim_groups(&request).await.unwrap();
    for claim in claimed {
        if claim.fence.group == group(name) {
            let mut after = proto::ids::InboxOrd::ZERO;
            while texts.len() < count {
                let rows = store.read_follow_ups(&claim.fence, after).await.unwrap();
                let Some(last) = rows.last() else { break };
                after = last.ord;
                texts.extend(rows.into_iter().map(|row| row.envelope.text));
            }
        }
        store.release_group(&claim.fence, true, now).await.unwrap();
    }
    texts
}

impl World {
    pub(super) async fn new() -> Self {
        let store = MemoryStore::new();
        Self::over(Arc::new(store)).await
    }

    pub(super) async fn over(store: Arc<dyn Store>) -> Self {
        let clock = ManualClock::at(START);
        register(&*store, &["main", "family", "team-1"]).await;
        Self {
            store,
            log: MemoryLog::new(Arc::new(clock.clone())),
            clock,
            hints: Arc::new(LocalHints::new()),
        }
    }

    pub(super) fn hints(&self) -> &LocalHints {
        &self.hints
    }

    pub(super) async fn say(&self, name: &str, text: &str) {
        self.log.ingress().accept(message(name, text)).await.unwrap();
    }

    pub(super) fn indexer(&self) -> Hands {
        let metrics = IndexerMetrics::register(&mut Registry::default());
        let indexer = Indexer::new(IndexerDeps {
            store: Arc::clone(&self.store),
            log: Arc::new(self.log.clone()),
            hints: self.hints.clone(),
            clock: Arc::new(self.clock.clone()),
            random: || 0.5,
            metrics: metrics.clone(),
        });
        Hands { indexer, metrics }
    }

    /// What is in a group's inbox.
    pub(super) async fn inbox(&self, name: &str) -> Vec<String> {
        inbox(&*self.store, name, usize::MAX).await
    }

    /// A runner takes what is ready.
    pub(super) async fn claim(&self, runner: &str) {
        let runner = RunnerId::new(runner);
        let now = self.clock.now();
        let incarnation = self.store.register_runner(&runner, 5, now).await.unwrap();
        let request = ClaimRequest {
            runner,
            incarnation,
            free_slots: 5,
            now,
        };
        assert!(!self.store.claim_groups(&request).await.unwrap().is_empty());
    }

    /// Waits until this many messages of the log are behind the cursors.
    pub(super) async fn until_indexed(&self, messages: usize) {
        let done = async {
            loop {
                let cursors = self.store.partition_cursors().await.unwrap();
                if cursors.iter().map(|cursor| cursor.through).max() >= Some(messages as u64)
                    && self.nothing_waits(&cursors).await
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, done).await.unwrap();
    }

    async fn nothing_waits(&self, cursors: &[proto::ingest::PartitionCursor]) -> bool {
        for cursor in cursors {
            if bus::Log::waiting(&self.log, cursor.partition, cursor.through)
                .await
                .unwrap()
                .is_some()
            {
                return false;
            }
        }
        true
    }
}

impl Hands {
    /// Opens a partition without waiting for a message.
    pub(super) async fn open(&mut self, partition: u32) -> Ticked {
        loop {
            // What is there already is taken by the first pass, as by any.
            let ticked = self.tick(partition).await;
            if ticked != Ticked::Restarted && ticked != Ticked::Indexed {
                return ticked;
            }
        }
    }

    pub(super) async fn tick(&mut self, partition: u32) -> Ticked {
        self.try_tick(partition, Duration::ZERO).await.unwrap()
    }

    pub(super) async fn try_tick(&mut self, partition: u32, patience: Duration) -> Result<Ticked, Failure> {
        self.indexer.partitions[partition as usize].tick(patience).await
    }

    /// Ticks all partitions until nothing is left to do; failures are tried again.
    pub(super) async fn settle(&mut self) {
        for partition in &mut self.indexer.partitions {
            let mut failures = 0;
            loop {
                match partition.tick(Duration::ZERO).await {
                    Ok(Ticked::Nothing) => break,
                    Ok(_) => {}
                    Err(failure) => {
                        failures += 1;
                        assert!(failures < 10, "{failure:?}");
                    }
                }
            }
        }
    }

    /// One look of the watchman.
    pub(super) async fn look(&mut self) -> Duration {
        self.indexer.watchman.tick().await.unwrap()
    }

    pub(super) fn stands_by(&self, partition: u32) -> bool {
        self.indexer.partitions[partition as usize].stands_by()
    }

    pub(super) fn overtaken(&self) -> u64 {
        self.metrics.overtaken()
    }

    pub(super) async fn run(self) {
        self.indexer
            .run(Readiness::new().condition("indexer"), CancellationToken::new())
            .await;
    }
}
