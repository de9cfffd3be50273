//! Retention and numbers.

use std::time::Duration;

use proto::ids::{RunnerId, SessionId};
use proto::ingest::{IndexBatch, LogRecord, Malformed};
use proto::outbound::AfterSend;
use proto::turn::Recorded;
use serde_json::json;

use super::World;
use super::world::{at, chat_of, reply, texts};
use crate::{Appended, Counts, TranscriptPart};

const KEEP: Duration = Duration::from_millis(1_000);

async fn write_line(world: &World, fence: &proto::claim::Fence, session: &str) {
    let part = TranscriptPart {
        session: SessionId::new(session),
        subpath: None,
        entries: vec![json!({"uuid": session})],
    };
    world.store.append_transcript(fence, &part).await.unwrap();
}

pub async fn retention_keeps_what_is_needed(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    write_line(&world, &fence, "session").await;
    world
        .commit(&fence, &batch, vec![reply("final", "g", "unsent")], at(1))
        .await;
    world.call("g", "uncovered", at(2)).await;
    let open = world.begin(&fence, at(3)).await;
    write_line(&world, &fence, "in use").await;
    world
        .store
        .mark_prompted(&fence, open.turn, open.messages[0].ord, &SessionId::new("in use"))
        .await
        .unwrap();
    let early = world.outbox_id();
    world
        .store
        .record_effect(&fence, open.turn, &reply("a", "g", "early"), early, at(3))
        .await
        .unwrap();
    let unsent = world
        .store
        .due_deliveries("test", World::ACCOUNT, at(4), 1)
        .await
        .unwrap()
        .remove(0);
    let attempt = world.begin_delivery(unsent.id, at(4)).await.unwrap();
    world
        .store
        .finish_delivery(
            unsent.id,
            attempt.attempts,
            &AfterSend::Sent { platform_id: None },
            at(5),
        )
        .await
        .unwrap();
    let said = world.begin_delivery(early, at(5)).await.unwrap();
    world
        .store
        .finish_delivery(early, said.attempts, &AfterSend::Sent { platform_id: None }, at(6))
        .await
        .unwrap();

    world.store.remove_old(KEEP, 1_000, at(1_000_000)).await.unwrap();
    world.store.remove_old(KEEP, 1_000, at(1_000_000)).await.unwrap();

    let left = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|row| row.id).collect::<Vec<_>>(),
        [early],
        "said in an open turn"
    );
    for session in ["session", "in use"] {
        let kept = world
            .store
            .load_transcript(&fence.group, &SessionId::new(session), None)
            .await
            .unwrap();
        assert!(kept.is_some(), "{session} would be resumed");
    }
    world.fail(&fence, open.turn, at(1_000_000), at(1_000_000)).await;
    let fence = world.claim(&runner, at(1_000_000)).await;
    let again = world.begin(&fence, at(1_000_000)).await;
    assert_eq!((again.turn, texts(&again)), (open.turn, vec!["uncovered"]));
    let repeated = reply("b", "g", "early");
    let recorded = world
        .store
        .record_effect(&fence, again.turn, &repeated, world.outbox_id(), at(1_000_001))
        .await;
    assert_eq!(recorded.unwrap(), Recorded::Already(early));
    let next = world
        .store
        .put_notice("n", &reply("n", "g", "next"), world.outbox_id(), at(1_000_002))
        .await
        .unwrap();
    let after = world
        .store
        .deliveries_after(&chat_of("g"), left[0].seq, 10)
        .await
        .unwrap();
    assert_eq!(
        after.iter().map(|row| row.id).collect::<Vec<_>>(),
        [next.outbox_id()],
        "positions are never reused"
    );
}

pub async fn retention_takes_what_is_old_in_bounded_steps(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    let old = world.envelope("g", "old", true);
    world.append(&old, at(0)).await;
    let fence = world.claim(&runner, at(0)).await;
    let batch = world.begin(&fence, at(0)).await;
    write_line(&world, &fence, "abandoned").await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.call("g", "poison", at(2)).await;
    let poison = world.begin(&fence, at(2)).await;
    world.give_up(&fence, poison.turn, poison.messages[0].ord, at(3)).await;
    let notice = world
        .store
        .due_deliveries("test", World::ACCOUNT, at(4), 1)
        .await
        .unwrap()
        .remove(0);
    world.begin_delivery(notice.id, at(4)).await.unwrap();
    world
        .store
        .finish_delivery(notice.id, 1, &AfterSend::Sent { platform_id: None }, at(5))
        .await
        .unwrap();

    let nothing = world.store.remove_old(KEEP, 1_000, at(900)).await.unwrap();
    assert_eq!((nothing.rows, nothing.more), (0, false), "nothing is old enough");
    // Two messages, two turns, one delivery, one line of a session that nobody resumes, one dead letter.
    let first = world.store.remove_old(KEEP, 3, at(10_000)).await.unwrap();
    assert_eq!((first.rows, first.more), (3, true));
    let rest = world.store.remove_old(KEEP, 1_000, at(10_000)).await.unwrap();
    assert_eq!((rest.rows, rest.more), (4, false));
    assert_eq!(world.store.turn(batch.turn).await.unwrap(), None);
    assert!(world.store.dead_letters(10).await.unwrap().is_empty());
    let abandoned = SessionId::new("abandoned");
    assert_eq!(
        world
            .store
            .load_transcript(&fence.group, &abandoned, None)
            .await
            .unwrap(),
        None
    );
    let resent = world.store.append_inbox(&old, at(10_001)).await.unwrap();
    assert!(
        matches!(resent, Appended::Stored(ord) if ord > poison.messages[0].ord),
        "positions are never reused"
    );
}

pub async fn numbers_of_rows_are_counted(world: World) {
    assert_eq!(world.store.counts(at(0)).await.unwrap(), Counts::default());
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("a", &runner).await;
    world.group("b").await;
    world.call("b", "hi", at(1)).await;
    world.group("c").await;
    world
        .commit(
            &fence,
            &batch,
            vec![reply("final", "a", "x"), reply("extra:1", "a", "y")],
            at(2),
        )
        .await;
    let counts = world.store.counts(at(3)).await.unwrap();
    let expected = Counts {
        groups: 3,
        waiting_groups: 1,
        owned_groups: 1,
        outbox_pending: 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    world.call("a", "poison", at(4)).await;
    let poison = world.begin(&fence, at(4)).await;
    world.give_up(&fence, poison.turn, poison.messages[0].ord, at(5)).await;
    let counts = world.store.counts(at(6)).await.unwrap();
    assert_eq!(
        (counts.owned_groups, counts.dead_letters, counts.outbox_pending),
        (0, 1, 3)
    );
}

pub async fn a_sound_store_can_commit(world: World) {
    world.store.check().await.unwrap();
}

pub async fn retention_takes_runners_that_are_gone(world: World) {
    let kept = world.runner("alive", 5).await;
    let owner = world.runner("owner", 5).await;
    world.begun("g", &owner).await;
    let gone = world.runner("gone", 5).await;
    let fresh = RunnerId::new("fresh");
    let life = world.store.register_runner(&fresh, 5, at(9_500)).await.unwrap();
    for (runner, life) in [
        (&gone.id, gone.incarnation),
        (&fresh, life),
        (&owner.id, owner.incarnation),
    ] {
        world.store.retire_runner(runner, life).await.unwrap();
    }
    let first = world.store.remove_old(KEEP, 1, at(10_000)).await.unwrap();
    assert_eq!((first.rows, first.more), (1, true));
    let rest = world.store.remove_old(KEEP, 1_000, at(10_000)).await.unwrap();
    assert_eq!(rest.rows, 0);
    let left: Vec<_> = world.store.runners().await.unwrap();
    let left: Vec<_> = left.iter().map(|row| row.runner.as_str()).collect();
    assert_eq!(left, ["alive", "fresh", "owner"]);
    world.store.heartbeat(&kept.id, kept.incarnation).await.unwrap();
    // Dead by now, and its groups are freed.
    let rows = world.store.runners().await.unwrap();
    world.store.declare_dead(&rows[2], at(10_000)).await.unwrap();
    assert_eq!(world.store.remove_old(KEEP, 1_000, at(10_000)).await.unwrap().rows, 1);
    assert_eq!(world.claim_names(&kept, 5, at(20_000)).await, ["g"]);
}

pub async fn retention_takes_letters_of_the_log(world: World) {
    let from = world.store.adopt_log("log", 1).await.unwrap()[0];
    world.group("g").await;
    let malformed = Malformed {
        subject: "subject".to_owned(),
        reason: "reason".to_owned(),
        excerpt: "excerpt".to_owned(),
    };
    let contents = [Err(malformed), Ok(world.envelope("nobody", "hi", true))];
    let records = (1..)
        .zip(contents)
        .map(|(sequence, content)| LogRecord { sequence, content });
    let batch = IndexBatch {
        from,
        through: 2,
        records: records.collect(),
    };
    world.store.index_batch(&batch, at(0)).await.unwrap();
    assert_eq!(world.store.remove_old(KEEP, 10, at(999)).await.unwrap().rows, 0);
    let removed = world.store.remove_old(KEEP, 10, at(1_001)).await.unwrap();
    assert_eq!((removed.rows, removed.more), (2, false));
    assert!(world.store.dead_letters(9).await.unwrap().is_empty());
}
