//! Transcripts of sessions.

use proto::ids::SessionId;
use serde_json::{Value, json};

use super::World;
use crate::TranscriptPart;

fn part(session: &str, subpath: Option<&str>, entries: Vec<Value>) -> TranscriptPart {
    TranscriptPart {
        session: SessionId::new(session),
        subpath: subpath.map(str::to_owned),
        entries,
    }
}

pub async fn lines_come_back_in_order_and_once(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("g", &runner).await;
    let (one, two, three) = (
        json!({"uuid": "1", "x": "é"}),
        json!({"uuid": "2"}),
        json!({"type": "mode"}),
    );
    let store = &world.store;
    store
        .append_transcript(&fence, &part("s", None, vec![one.clone(), three.clone()]))
        .await
        .unwrap();
    store
        .append_transcript(&fence, &part("s", None, vec![one.clone(), two.clone(), three.clone()]))
        .await
        .unwrap();
    let lines = store
        .load_transcript(&fence.group, &SessionId::new("s"), None)
        .await
        .unwrap();
    assert_eq!(
        lines,
        Some(vec![one, three.clone(), two, three]),
        "a line without an id cannot be told from a new one"
    );
}

pub async fn parts_of_a_session_are_kept_apart(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("g", &runner).await;
    let line = |n: u32| vec![json!({"uuid": "same", "n": n})];
    let store = &world.store;
    store
        .append_transcript(&fence, &part("s", None, line(1)))
        .await
        .unwrap();
    store
        .append_transcript(&fence, &part("s", Some("agents/a"), line(2)))
        .await
        .unwrap();
    store
        .append_transcript(&fence, &part("t", None, line(3)))
        .await
        .unwrap();
    let (s, t) = (SessionId::new("s"), SessionId::new("t"));
    assert_eq!(
        store.load_transcript(&fence.group, &s, None).await.unwrap(),
        Some(line(1))
    );
    assert_eq!(
        store.load_transcript(&fence.group, &s, Some("agents/a")).await.unwrap(),
        Some(line(2))
    );
    assert_eq!(
        store.load_transcript(&fence.group, &t, None).await.unwrap(),
        Some(line(3))
    );
}

pub async fn what_is_not_known_is_none(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("g", &runner).await;
    let unknown = SessionId::new("unknown");
    assert_eq!(
        world.store.load_transcript(&fence.group, &unknown, None).await.unwrap(),
        None
    );
    world
        .store
        .append_transcript(&fence, &part("unknown", None, vec![]))
        .await
        .unwrap();
    assert_eq!(
        world.store.load_transcript(&fence.group, &unknown, None).await.unwrap(),
        None
    );
}
