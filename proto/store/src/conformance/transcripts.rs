//! Transcripts of sessions.

use proto::ids::SessionId;
use serde_json::{Value, json};

use super::World;
use super::world::at;
use crate::{Error, TranscriptPart};

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

pub async fn a_prompt_and_its_lines_are_noted_together_under_the_fence(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let (through, session) = (batch.messages[0].ord, SessionId::new("s"));
    let lines = part("s", None, vec![json!({ "uuid": "1", "text": "hello" })]);
    for _ in 0..2 {
        let noted = world.store.append_prompted(&fence, &lines, batch.turn, through).await;
        noted.unwrap();
    }
    let of_nobody = world
        .store
        .append_prompted(&fence, &lines, world.turn_id(), through)
        .await;
    assert!(of_nobody.is_err(), "no such turn");
    let read = world.store.load_transcript(&fence.group, &session, None).await.unwrap();
    assert_eq!(read.unwrap().len(), 1);
    let (runner, _) = world.restart(&runner, at(1)).await;
    let late = world.store.append_prompted(&fence, &lines, batch.turn, through).await;
    assert!(matches!(late, Err(Error::Fenced(_))));
    let fence = world.claim(&runner, at(1)).await;
    let again = world.begin(&fence, at(1)).await;
    assert_eq!(again.interrupted.map(|before| before.seen_through), Some(through));
    assert_eq!(again.session, Some(session));
}
