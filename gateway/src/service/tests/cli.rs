use std::collections::VecDeque;

use proto::ids::{ChatId, OutboxId};
use proto::ipc::{Progress, ProgressKind};
use proto::outbound::{Extra, OutboxState};
use serde_json::json;

use super::*;
use crate::channel::cli::wire::{Event, ReplyEvent};

/// The open stream of events of `cli:main`.
struct Stream {
    response: Response,
    lines: VecDeque<Event>,
    rest: Vec<u8>,
}

impl Stream {
    async fn open(node: &Node, query: &str) -> Self {
        let response = node
            .socket(Method::GET, &format!("/v1/chats/cli:main/events{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        Self {
            response,
            lines: VecDeque::new(),
            rest: Vec::new(),
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.lines.pop_front() {
                return event;
            }
            let chunk = tokio::time::timeout(SOON, self.response.chunk())
                .await
                .unwrap()
                .unwrap();
            self.rest.extend(chunk.expect("the stream goes on"));
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                self.lines.push_back(serde_json::from_slice(&line).unwrap());
            }
        }
    }

    async fn reply(&mut self) -> ReplyEvent {
        loop {
            if let Event::Reply(reply) = self.next().await {
                return reply;
            }
        }
    }
}

async fn main_group(world: &World) -> ChatId {
    let group = world.group("main", true).await;
    let chat = world
        .store
        .see_chat(&crate::channel::cli::chat_seen(&group, "local", world.clock.now()))
        .await
        .unwrap()
        .id;
    world.store.register_chat(&chat, Some(&group)).await.unwrap();
    chat
}

async fn ack(node: &Node, id: OutboxId) {
    let (status, _) = answer(
        node.socket(Method::POST, "/v1/chats/cli:main/acks")
            .json(&json!({"id": id})),
    )
    .await;
    assert_eq!(status, 204);
}

/// The next reply, while the clock moves on (slower than leases are renewed).
async fn eventually_reply(world: &World, stream: &mut Stream) -> ReplyEvent {
    let mut reply = std::pin::pin!(stream.reply());
    loop {
        tokio::select! {
            reply = &mut reply => return reply,
            () = tokio::time::sleep(Duration::from_millis(20)) => world.clock.advance(Duration::from_millis(20)),
        }
    }
}

async fn delivered(world: &World, chat: &ChatId) {
    eventually("all is delivered", || async {
        world.states(chat).await.iter().all(|state| *state == OutboxState::Sent)
    })
    .await;
}

fn hint_outbox(world: &World) {
    world.hints.publish(bus::Hint::Outbox {
        channel: "cli".into(),
        account: "local".into(),
        row: None,
    });
}

#[tokio::test]
async fn what_the_local_chat_cannot_show_is_given_up_and_said() {
    let node = Node::start().await;
    let chat = main_group(&node.world).await;
    let reaction = Extra::Reaction {
        message: "1".into(),
        emoji: "👍".into(),
    };
    node.world.say_with(&chat, "", Some(reaction)).await;
    let _stream = Stream::open(&node, "").await;
    eventually("it is given up", || async {
        node.world.states(&chat).await == [OutboxState::Dead]
    })
    .await;
}

#[tokio::test]
async fn a_message_is_taken_once_and_settled_when_its_answer_was_shown() {
    let node = Node::start().await;
    let chat = main_group(&node.world).await;
    let post = || {
        answer(
            node.socket(Method::POST, "/v1/chats/cli:main/messages")
                .json(&json!({"id": "1", "text": "hi"})),
        )
    };
    let state = || async { answer(node.socket(Method::GET, "/v1/chats/cli:main/state")).await.1 };
    assert_eq!(state().await, json!({"unanswered": 0, "undelivered": 0}));
    assert_eq!(post().await, (202, json!({"status": "accepted"})));
    assert_eq!(post().await, (202, json!({"status": "duplicate"})));
    assert_eq!(state().await, json!({"unanswered": 1, "undelivered": 0}));

    let mut stream = Stream::open(&node, "").await;
    let (fence, batch) = node.world.begin_turn().await;
    node.world
        .commit_turn(&fence, &batch, &[(&chat, "one"), (&chat, "two")])
        .await;
    assert_eq!(state().await, json!({"unanswered": 0, "undelivered": 2}));
    hint_outbox(&node.world);
    for text in ["one", "two"] {
        let reply = stream.reply().await;
        assert_eq!(reply.text, text);
        assert_ne!(state().await["undelivered"], json!(0), "shown is not yet acknowledged");
        ack(&node, reply.id).await;
    }
    delivered(&node.world, &chat).await;
    assert_eq!(state().await, json!({"unanswered": 0, "undelivered": 0}));
    node.stop().await;
}

#[tokio::test]
async fn a_deliberate_silence_settles_a_message_too() {
    let node = Node::start().await;
    main_group(&node.world).await;
    answer(
        node.socket(Method::POST, "/v1/chats/cli:main/messages")
            .json(&json!({"id": "1", "text": "hi"})),
    )
    .await;
    let (fence, batch) = node.world.begin_turn().await;
    node.world.commit_turn(&fence, &batch, &[]).await;
    let (_, state) = answer(node.socket(Method::GET, "/v1/chats/cli:main/state")).await;
    assert_eq!(state, json!({"unanswered": 0, "undelivered": 0}));
}

#[tokio::test]
async fn a_reply_waits_for_somebody_to_open_the_chat() {
    let node = Node::start().await;
    let chat = main_group(&node.world).await;
    node.world.say(&chat, "are you there?").await;
    hint_outbox(&node.world);
    let mut stream = Stream::open(&node, "").await;
    let reply = stream.reply().await;
    ack(&node, reply.id).await;
    delivered(&node.world, &chat).await;
    let rows = node.world.store.deliveries_after(&chat, 0, 1).await.unwrap();
    assert_eq!(rows[0].attempts, 1, "waiting is not charged");
}

#[tokio::test]
async fn what_was_shown_but_not_acknowledged_comes_again_under_the_same_id_after_a_restart() {
    let node = Node::start().await;
    let chat = main_group(&node.world).await;
    let id = node.world.say(&chat, "hi").await;
    let mut stream = Stream::open(&node, "").await;
    assert_eq!(stream.reply().await.id, id);
    let world = node.stop().await;
    let node = Node::serve(world, None).await;
    let mut stream = Stream::open(&node, "?after=0").await;
    assert_eq!(stream.reply().await.id, id);
    ack(&node, id).await;
    delivered(&node.world, &chat).await;
    drop(stream);
    let mut late = Stream::open(&node, "?after=0").await;
    assert_eq!(late.reply().await.id, id, "who asks gets what others were shown");
}

#[tokio::test]
async fn in_a_fleet_what_waits_follows_the_client_to_another_gateway() {
    let first = Node::start().await;
    let world = first.world.clone();
    let chat = main_group(&world).await;
    let second = Node::serve_as("second", world.clone(), None).await;

    // Shown by the first gateway and not acknowledged; then the client goes away, and comes to the second.
    let shown = world.say(&chat, "one").await;
    let mut stream = Stream::open(&first, "").await;
    assert_eq!(stream.reply().await.id, shown);
    world.say(&chat, "two").await;
    drop(stream);
    let mut stream = Stream::open(&second, "").await;
    for text in ["one", "two"] {
        let reply = eventually_reply(&world, &mut stream).await;
        assert_eq!(reply.text, text);
        ack(&second, reply.id).await;
    }
    delivered(&world, &chat).await;

    // Whoever speaks at a gateway is answered there.
    let stream = Stream::open(&first, "").await;
    let moved = |gateway: &'static str| {
        let (world, chat) = (world.clone(), chat.clone());
        move || {
            let (world, chat) = (world.clone(), chat.clone());
            async move { world.store.chat(&chat).await.unwrap().unwrap().account == gateway }
        }
    };
    eventually("the chat is at the first", moved("local")).await;
    world.clock.advance(crate::directory::FRESH);
    let body = json!({"id": "1", "text": "hi"});
    let posted = answer(second.socket(Method::POST, "/v1/chats/cli:main/messages").json(&body)).await;
    assert_eq!(posted.0, 202);
    eventually("the chat is at the second", moved("second")).await;
    let again = answer(first.socket(Method::POST, "/v1/chats/cli:main/messages").json(&body)).await;
    assert_eq!(
        again.1,
        json!({"status": "duplicate"}),
        "whichever gateway it is posted at"
    );
    drop(stream);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn progress_of_the_own_group_is_shown() {
    let node = Node::start().await;
    main_group(&node.world).await;
    let mut stream = Stream::open(&node, "").await;
    let (main, other) = (GroupId::parse("main").unwrap(), GroupId::parse("other").unwrap());
    let progress = Progress {
        kind: ProgressKind::Tool,
        text: "Bash".into(),
    };
    node.world.hints.publish(bus::Hint::Working {
        group: other,
        chat: proto::ids::ChatId::new("cli:other"),
        on: true,
    });
    node.world.hints.publish(bus::Hint::Working {
        group: main.clone(),
        chat: proto::ids::ChatId::new("cli:main"),
        on: true,
    });
    node.world.hints.publish(bus::Hint::Progress { group: main, progress });
    assert_eq!(stream.next().await, Event::Working { on: true });
    assert_eq!(
        stream.next().await,
        Event::Progress {
            kind: ProgressKind::Tool,
            text: "Bash".into()
        }
    );
}

#[tokio::test]
async fn bad_messages_and_unknown_chats_are_refused_with_a_reason() {
    let node = Node::start().await;
    main_group(&node.world).await;
    let long = "x".repeat(256 * 1024 + 1);
    for (chat, body, expected) in [
        ("cli:main", json!({"id": "1", "text": " "}), (400, "bad_request")),
        ("cli:main", json!({"id": "", "text": "hi"}), (400, "bad_request")),
        ("cli:main", json!({"text": "hi"}), (400, "bad_request")),
        ("cli:main", json!({"id": "1", "text": long}), (413, "too_large")),
        (
            "cli:main",
            json!({"id": "1", "text": "x".repeat(2 * 1024 * 1024)}),
            (413, "too_large"),
        ),
        ("cli:nobody", json!({"id": "1", "text": "hi"}), (404, "no_such_group")),
        ("cli:..", json!({"id": "1", "text": "hi"}), (404, "not_found")),
        ("test:1", json!({"id": "1", "text": "hi"}), (404, "not_found")),
    ] {
        let (status, error) = answer(
            node.socket(Method::POST, &format!("/v1/chats/{chat}/messages"))
                .json(&body),
        )
        .await;
        assert_eq!((status, error["error"]["code"].as_str().unwrap()), expected, "{chat}");
    }
    let (status, error) = answer(node.socket(Method::GET, "/v1/chats/cli:nobody/events")).await;
    assert_eq!(status, 404);
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("clawhold group add nobody")
    );
}
