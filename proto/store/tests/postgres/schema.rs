//! What the tables themselves hold up, and what a text may be.

use proto::inbound::Envelope;
use servers::Postgres;
use store::{Appended, Error, Store};

use crate::world::{NOW, begun, envelope, open, register, sql};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_forbids_what_no_statement_should_try() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let store = open(&url).await;
    begun(&store, "g", "r").await;
    let client = sql(&url).await;
    client
        .batch_execute("UPDATE groups SET head_ord = 9, cursor_ord = 5, epoch = 5")
        .await
        .unwrap();
    for (statement, said) in [
        (
            "UPDATE groups SET cursor_ord = 4",
            "the cursor of a group never decreases",
        ),
        ("UPDATE groups SET epoch = 4", "the epoch of a group never decreases"),
        ("INSERT INTO slots VALUES ('other', 0, 'g')", "slots_group_id_key"),
        ("SELECT must_touch(1, 2)", "a statement meant for 1 rows touched 2"),
    ] {
        let refused = client.batch_execute(statement).await.unwrap_err();
        let refused = refused.as_db_error().unwrap().message();
        assert!(refused.contains(said), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_statements_use_their_indexes() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    open(&url).await;
    let client = sql(&url).await;
    client
        .batch_execute("SET enable_seqscan = off; SET enable_sort = off")
        .await
        .unwrap();
    for (query, index) in [
        (
            "SELECT id FROM groups WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= 1
             ORDER BY ready_at + CASE ready_kind WHEN 'task' THEN 30000 ELSE 0 END, ready_at, id
             LIMIT 5 FOR NO KEY UPDATE SKIP LOCKED",
            "groups_claimable",
        ),
        (
            "SELECT id FROM groups WHERE owner IS NULL AND ready_at IS NOT NULL ORDER BY ready_at, id LIMIT 1",
            "groups_waiting",
        ),
        (
            "SELECT 1 FROM messages WHERE group_id = 'g' AND ord > 3 AND engages",
            "messages_engaging",
        ),
        (
            "SELECT id FROM turns WHERE group_id = 'g' AND state = 'open'",
            "turns_open",
        ),
        (
            "SELECT id FROM outbox WHERE state IN ('pending', 'sending') AND state = 'pending' AND not_before <= 1",
            "outbox_open",
        ),
        (
            "SELECT id FROM outbox WHERE turn_id = '00000000-0000-0000-0000-000000000000' AND early AND key = 'k'",
            "outbox_turn_keys",
        ),
    ] {
        let rows = client.query(&format!("EXPLAIN {query}"), &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{query}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("Sort")), "{query}: {plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_postgres_cannot_keep_is_kept_as_well_as_it_can_be() {
    let server = Postgres::start().await;
    let store = open(&server.fresh_database().await).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    let odd = Envelope {
        text: "a\0b".to_owned(),
        ..envelope("g", "key\0")
    };
    assert!(matches!(
        store.append_inbox(&odd, NOW).await.unwrap(),
        Appended::Stored(_)
    ));
    assert_eq!(store.append_inbox(&odd, NOW).await.unwrap(), Appended::Duplicate);
    let read = store.read_follow_ups(&fence, batch.messages[0].ord).await.unwrap();
    assert_eq!(read[0].envelope.text, "a\u{fffd}b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_kept_is_a_conflict_and_no_outage() {
    let server = Postgres::start().await;
    let store = open(&server.fresh_database().await).await;
    register(&store, "g").await;
    // Longer than an index entry may be, and of letters that do not compress.
    let key: String = (0_u32..9_000)
        .map(|n| char::from_u32(0x4e00 + n * 7_919 % 20_000).unwrap())
        .collect();
    let refused = store.append_inbox(&envelope("g", key), NOW).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}
