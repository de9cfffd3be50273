//! The engines answer alike: the same random calls, in the same order, get the same answers from each.
//!
//! The conformance suite says what is right; this finds what it forgot to ask.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Debug;
use std::time::Duration;

use proto::claim::{ClaimRequest, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::{Details, Envelope};
use proto::ingest::PartitionCursor;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use proto::outbound::{AfterSend, Reply};
use proto::time::Timestamp;
use proto::turn::{AfterFailure, Committed, TurnCommit, TurnFailure, Usage};
use store::memory::MemoryStore;
use store::postgres::{Config, PostgresStore, Prepare};
use store::sqlite::SqliteStore;
use store::{Begun, Store, TranscriptPart};
use uuid::Uuid;

const SEEDS: u64 = 12;
const STEPS: i64 = 350;

/// A splitmix64 generator: the run is fixed by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// One of the newest mostly, so that much gets done; any of the older ones now and then, so that much is refused.
    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let newest = if self.roll(4) > 0 {
            from.len().saturating_sub(2)
        } else {
            0
        };
        let from = &from[newest..];
        let index = usize::try_from(self.roll(from.len().max(1) as u64)).unwrap();
        from.get(index)
    }
}

/// What the caller of the calls remembers.
#[derive(Default)]
struct Memory {
    fences: Vec<Fence>,
    turns: Vec<(Fence, TurnId, InboxOrd)>,
    deliveries: Vec<(OutboxId, u32)>,
    commits: usize,
    cursors: Vec<PartitionCursor>,
    indexed: usize,
    sightings: Vec<(LeaseName, LeaseRow)>,
    holds: Vec<Hold>,
    due: Vec<proto::task::Task>,
    fired: usize,
}

/// The engines that are compared.
type Stores = (SqliteStore, MemoryStore, PostgresStore);

/// Makes one call on all engines and compares the answers.
macro_rules! same {
    ($stores:expr, $store:ident => $call:expr) => {{
        let $store: &dyn Store = &$stores.0;
        let first = $call.await;
        let $store: &dyn Store = &$stores.1;
        let second = $call.await;
        assert_same(stringify!($call), &first, &second);
        let $store: &dyn Store = &$stores.2;
        let third = $call.await;
        assert_same(stringify!($call), &first, &third);
        first
    }};
}

fn assert_same<T: Debug>(call: &str, first: &T, second: &T) {
    let (first, second) = (format!("{first:?}"), format!("{second:?}"));
    assert!(!first.contains("Unavailable"), "{call}: {first}");
    assert_eq!(first, second, "{call}");
}

// After the macro, which it uses.
mod fleet;
mod tasks;

#[tokio::test]
async fn random_calls_get_the_same_answers() {
    let server = servers::Postgres::start().await;
    let mut reached = [0; 6];
    for seed in 0..SEEDS {
        let directory = tempfile::tempdir().unwrap();
        let file = SqliteStore::open(&directory.path().join("test.db"), Timestamp::default()).unwrap();
        // Prepared, for the time it takes.
        let config = Config {
            prepare: Prepare::Always,
            ..Config::new(server.fresh_database().await)
        };
        let shared = PostgresStore::connect(&config, Timestamp::default()).await.unwrap();
        let stores = (file, MemoryStore::new(), shared);
        let mut dice = Dice(seed);
        let mut memory = Memory::default();
        let mut now = Timestamp::from_millis(1_000_000);
        for n in 0..2 {
            same!(stores, s => s.register_runner(&RunnerId::new(format!("r{n}")), 2, now)).unwrap();
        }
        for n in 0..3 {
            let id = GroupId::parse(&format!("g{n}")).unwrap();
            let settings = GroupSettings::default();
            let group = Group {
                id,
                name: "G".to_owned(),
                is_main: false,
                settings,
                created_at: now,
            };
            same!(stores, s => s.put_group(&group)).unwrap();
            let seen = ChatSeen {
                id: ChatId::new(format!("test:c{n}")),
                channel: "test".to_owned(),
                account: "a0".to_owned(),
                name: None,
                is_group_chat: None,
                seen_at: now,
                parent: None,
            };
            same!(stores, s => s.see_chat(&seen)).unwrap();
        }
        for step in 0..STEPS {
            now = now + Duration::from_millis(dice.roll(400));
            take_a_step(&stores, &mut dice, &mut memory, step, now).await;
            same!(stores, s => s.counts(now)).unwrap();
        }
        let counts = [
            memory.turns.len(),
            memory.commits,
            memory.deliveries.len(),
            memory.indexed,
            memory.holds.len(),
            memory.fired,
        ];
        for (sum, count) in reached.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    // Calls that are all refused would agree as well.
    let enough = [100, 40, 40, 40, 40, 40];
    assert!(
        reached.iter().zip(enough).all(|(reached, enough)| *reached > enough),
        "turns, commits, deliveries, batches, leases, firings: {reached:?}"
    );
}

async fn take_a_step(stores: &Stores, dice: &mut Dice, memory: &mut Memory, step: i64, now: Timestamp) {
    let id = |n: i64| Uuid::from_u128((step * 8 + n).unsigned_abs().into());
    let group = GroupId::parse(&format!("g{}", dice.roll(3))).unwrap();
    let chat = ChatId::new(format!("test:c{}", dice.roll(4)));
    let runner = RunnerId::new(format!("r{}", dice.roll(2)));
    let reply = |key: String, text: u64| Reply {
        key,
        chat: chat.clone(),
        text: format!("text {text}"),
        sender: None,
        extra: None,
    };
    match dice.roll(42) {
        0 => {
            let settings = GroupSettings::default();
            let row = Group {
                id: group,
                name: format!("{step}"),
                is_main: dice.roll(2) == 0,
                settings,
                created_at: now,
            };
            same!(stores, s => s.put_group(&row)).unwrap();
            same!(stores, s => s.groups()).unwrap();
        }
        1 => {
            let seen = ChatSeen {
                id: chat,
                channel: "test".to_owned(),
                account: format!("a{}", dice.roll(2)),
                name: (dice.roll(2) == 0).then(|| format!("{step}")),
                is_group_chat: None,
                seen_at: now,
                parent: None,
            };
            same!(stores, s => s.see_chat(&seen)).unwrap();
        }
        2 => {
            same!(stores, s => s.register_chat(&chat, Some(&group))).ok();
            same!(stores, s => s.chats()).unwrap();
        }
        3 if dice.roll(12) == 0 => drop(same!(stores, s => s.remove_group(&group))),
        3..=6 => {
            let envelope = Envelope {
                dedup_key: format!("{}", dice.roll(2_000)),
                group,
                chat,
                sender: "s".to_owned(),
                sender_name: "S".to_owned(),
                text: format!("{step}"),
                sent_at: now,
                engages: dice.roll(3) > 0,
                trace: None,
                task: None,
                details: Details::default(),
            };
            same!(stores, s => s.append_inbox(&envelope, now)).ok();
        }
        7..=9 => {
            let rows = same!(stores, s => s.runners()).unwrap();
            let Some(row) = dice.pick(&rows) else { return };
            let (runner, incarnation) = (row.runner.clone(), row.incarnation);
            let free_slots = u32::try_from(dice.roll(3)).unwrap();
            same!(stores, s => s.oldest_waiting(now)).unwrap();
            let after = (dice.roll(2) == 0).then_some(&group);
            same!(stores, s => s.waiting_chats(&runner, now, after, 2)).unwrap();
            let request = ClaimRequest {
                runner,
                incarnation,
                free_slots,
                now,
            };
            let claimed = same!(stores, s => s.claim_groups(&request)).unwrap_or_default();
            same!(stores, s => s.owned_groups(&request.runner, request.incarnation)).unwrap();
            memory.fences.extend(claimed.into_iter().map(|claimed| claimed.fence));
        }
        10..=11 | 22 => {
            let Some(fence) = dice.pick(&memory.fences).cloned() else {
                return;
            };
            let begun = same!(stores, s => s.begin_turn(&fence, TurnId(id(0)), now));
            if let Ok(Begun::Turn(batch)) = begun {
                memory
                    .turns
                    .push((fence, batch.turn, batch.messages.last().unwrap().ord));
            }
        }
        12 => {
            let Some((fence, turn, through)) = dice.pick(&memory.turns).cloned() else {
                return;
            };
            let session = SessionId::new(format!("s{}", dice.roll(3)));
            same!(stores, s => s.mark_prompted(&fence, turn, through, &session)).ok();
            let entries = vec![serde_json::json!({"uuid": dice.roll(9).to_string(), "step": step})];
            let part = TranscriptPart {
                session,
                subpath: None,
                entries,
            };
            same!(stores, s => s.append_transcript(&fence, &part)).ok();
            same!(stores, s => s.load_transcript(&fence.group, &part.session, None)).unwrap();
            same!(stores, s => s.read_follow_ups(&fence, through)).ok();
        }
        13..=14 => {
            let Some((fence, turn, _)) = dice.pick(&memory.turns).cloned() else {
                return;
            };
            let effect = reply(format!("k{}", dice.roll(9)), dice.roll(3));
            same!(stores, s => s.record_effect(&fence, turn, &effect, OutboxId(id(0)), now)).ok();
        }
        15 | 23 | 24 => {
            let Some((fence, turn, through)) = dice.pick(&memory.turns).cloned() else {
                return;
            };
            // Now and then all have one key.
            let twins = u64::from(dice.roll(6) > 0);
            let commit = TurnCommit {
                turn,
                through,
                replies: (0..dice.roll(3))
                    .map(|n| reply(format!("extra:{}", n * twins), n))
                    .collect(),
                session: (dice.roll(3) > 0).then(|| SessionId::new(format!("s{}", dice.roll(3)))),
                usage: Usage::default(),
                cost_micros: None,
                outcome: tasks::outcome(dice),
                now,
                snapshot: (dice.roll(2) == 0).then(|| fleet::snapshot(id(7))),
            };
            let ids: Vec<_> = (0..commit.replies.len())
                .map(|n| OutboxId(id(i64::try_from(n).unwrap())))
                .collect();
            let committed = same!(stores, s => s.commit_turn(&fence, &commit, &ids));
            memory.commits += usize::from(matches!(committed, Ok(Committed::Now { .. })));
            same!(stores, s => s.turn(turn)).unwrap();
            same!(stores, s => s.snapshot(&fence.group)).unwrap();
        }
        16 => {
            let Some((fence, turn, through)) = dice.pick(&memory.turns).cloned() else {
                return;
            };
            let next = match dice.roll(2) {
                0 => AfterFailure::Retry {
                    not_before: now + Duration::from_millis(300),
                },
                _ => AfterFailure::DeadLetter {
                    through,
                    notice: reply("notice".to_owned(), 0),
                },
            };
            let failure = TurnFailure {
                turn,
                forget_session: false,
                reason: "broken".to_owned(),
                next,
                now,
            };
            same!(stores, s => s.fail_turn(&fence, &failure, OutboxId(id(0)))).ok();
            same!(stores, s => s.dead_letters(5)).unwrap();
        }
        17 => {
            let Some(fence) = dice.pick(&memory.fences).cloned() else {
                return;
            };
            let interrupted = dice.roll(2) == 0;
            same!(stores, s => s.release_group(&fence, interrupted, now)).ok();
        }
        18 => {
            let rows = same!(stores, s => s.runners()).unwrap();
            let life = rows.first().map_or(Incarnation(1), |row| row.incarnation);
            match dice.roll(12) {
                0 | 1 => {
                    let life = same!(stores, s => s.register_runner(&runner, 2, now)).unwrap();
                    same!(stores, s => s.waiting_chats(&runner, now, None, 9)).unwrap();
                    same!(stores, s => s.free_stale_groups(&runner, life, now)).unwrap();
                }
                2 => {
                    if let Some(row) = dice.pick(&rows) {
                        same!(stores, s => s.declare_dead(row, now)).unwrap();
                    }
                }
                3 => same!(stores, s => s.retire_runner(&runner, life)).unwrap(),
                _ => drop(same!(stores, s => s.heartbeat(&runner, life))),
            }
        }
        19..=20 => {
            let account = format!("a{}", dice.roll(2));
            let due = same!(stores, s => s.due_deliveries("test", &account, now, 3)).unwrap();
            same!(stores, s => s.interrupted_deliveries("test", &account)).unwrap();
            if let Some(delivery) = dice.pick(&due) {
                let name = fleet::account(&account);
                let hold = match dice.roll(3) {
                    0 => dice.pick(&memory.holds).cloned(),
                    _ => memory.holds.iter().rev().find(|hold| hold.name == name).cloned(),
                };
                let hold = hold.unwrap_or_else(|| fleet::of_nobody(name));
                let begun = same!(stores, s => s.begin_delivery(&hold, delivery.id, now)).unwrap_or_default();
                memory.deliveries.extend(begun.map(|begun| (begun.id, begun.attempts)));
            }
            let Some((delivery, attempt)) = dice.pick(&memory.deliveries).copied() else {
                return;
            };
            let reason = "no".to_owned();
            let after = match dice.roll(5) {
                0 => AfterSend::Sent { platform_id: None },
                1 => AfterSend::Retry {
                    reason,
                    not_before: now + Duration::from_millis(100),
                    counts: dice.roll(2) == 0,
                },
                2 => AfterSend::Uncertain { reason },
                3 => AfterSend::Part {
                    through: dice.roll(9) as u32,
                    in_doubt: dice.roll(3) == 0,
                },
                _ => AfterSend::Dead { reason },
            };
            same!(stores, s => s.finish_delivery(delivery, attempt, &after, now)).ok();
            same!(stores, s => s.deliveries_after(&chat, 0, 100)).unwrap();
            same!(stores, s => s.chat_activity(&chat)).unwrap();
        }
        25..=27 => fleet::index(stores, dice, memory, step, now).await,
        34..=41 => tasks::take_a_step(stores, dice, memory, now).await,
        28..=31 => fleet::lead(stores, dice, memory, step).await,
        _ => {
            let notice = reply("n".to_owned(), 1);
            same!(stores, s => s.put_notice(&format!("n{}", step % 4), &notice, OutboxId(id(0)), now)).ok();
            // How many rows of which table go first within a limit is the engine's choice: the limit is not reached.
            same!(stores, s => s.remove_old(Duration::from_secs(20), 10_000, now)).unwrap();
        }
    }
}
