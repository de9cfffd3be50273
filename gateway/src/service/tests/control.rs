use super::*;
use serde_json::json;

#[tokio::test]
async fn groups_are_added_changed_and_removed_and_each_has_its_local_chat() {
    let node = Node::start().await;
    let add = |body: Value| answer(node.socket(Method::POST, "/v1/groups").json(&body));
    let (status, group) = add(json!({"id": "team", "settings": {"trigger": "@Bot"}})).await;
    assert_eq!(
        (status, &group["name"], &group["is_main"]),
        (201, &json!("team"), &json!(false))
    );
    let (status, error) = add(json!({"id": "team"})).await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("group_exists")));

    let (_, chats) = answer(node.socket(Method::GET, "/v1/chats")).await;
    assert_eq!(
        (&chats["chats"][0]["id"], &chats["chats"][0]["group"]),
        (&json!("cli:team"), &json!("team"))
    );

    let change = json!({"name": "The team", "settings": {"trigger": null, "model": "opus"}});
    let (status, group) = answer(node.socket(Method::PATCH, "/v1/groups/team").json(&change)).await;
    assert_eq!((status, &group["name"]), (200, &json!("The team")));
    assert_eq!(
        (&group["settings"]["trigger"], &group["settings"]["model"]),
        (&Value::Null, &json!("opus"))
    );

    assert_eq!(answer(node.socket(Method::DELETE, "/v1/groups/team")).await.0, 204);
    assert_eq!(answer(node.socket(Method::DELETE, "/v1/groups/team")).await.0, 404);
    let (_, groups) = answer(node.socket(Method::GET, "/v1/groups")).await;
    assert_eq!(groups, json!({"groups": []}));
}

#[tokio::test]
async fn bad_input_gets_an_error_that_says_what_is_wrong() {
    let node = Node::start().await;
    for (body, said) in [
        (r#"{"id": "../etc"}"#, "is not a group name"),
        (r#"{"id": "a:b"}"#, "is not a group name"),
        (r#"{"id": "a", "settings": {"triger": "x"}}"#, "unknown field `triger`"),
        (r#"{"id": "a", "name": ""}"#, "a group's name"),
        ("{", "not the JSON expected"),
        ("\u{0}\u{1}", "not the JSON expected"),
    ] {
        let (status, error) = answer(node.socket(Method::POST, "/v1/groups").body(body)).await;
        let message = error["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(message.contains(said), "{message}");
    }
    let (status, error) = answer(node.socket(Method::GET, "/v1/nothing")).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("not_found")));
    let (status, _) = answer(node.socket(Method::GET, "/v1/dead-letters?limit=many")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_chat_is_registered_to_a_group_and_to_none() {
    let node = Node::start().await;
    node.world.group("team", false).await;
    node.world.store.see_chat(&node.world.seen("test:a/1")).await.unwrap();
    let register = |body: Value| answer(node.socket(Method::PUT, "/v1/chats/test:a%2F1/group").json(&body));
    assert_eq!(register(json!({"group": "team"})).await.0, 204);
    let chat = node
        .world
        .store
        .chat(&proto::ids::ChatId::new("test:a/1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(chat.group.map(String::from), Some("team".into()));
    assert_eq!(register(json!({"group": null})).await.0, 204);
    assert_eq!(register(json!({"group": "other"})).await.0, 404);
    let (status, _) = answer(
        node.socket(Method::PUT, "/v1/chats/unknown/group")
            .json(&json!({"group": null})),
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn what_is_changed_here_holds_for_the_next_message() {
    let node = Node::start().await;
    let message = |id: &str| json!({"id": id, "text": "hi"});
    let post = |id: &str| {
        answer(
            node.socket(Method::POST, "/v1/chats/cli:team/messages")
                .json(&message(id)),
        )
    };
    let group = |method: Method, path: &str, body: Value| answer(node.socket(method, path).json(&body));
    assert_eq!(post("1").await.0, 404);
    group(Method::POST, "/v1/groups", json!({"id": "team"})).await;
    assert_eq!(post("2").await.1, json!({"status": "context"}));
    let no_trigger = json!({"settings": {"requires_trigger": false}});
    group(Method::PATCH, "/v1/groups/team", no_trigger).await;
    assert_eq!(post("3").await.1, json!({"status": "accepted"}));
    group(Method::DELETE, "/v1/groups/team", Value::Null).await;
    assert_eq!(post("4").await.0, 404);
}

#[tokio::test]
async fn the_status_tells_readiness_and_numbers() {
    let node = Node::start().await;
    node.world.group("team", false).await;
    let delivers = || async {
        let (_, body) = answer(node.socket(Method::GET, "/v1/status")).await;
        body["readiness"]["conditions"]["delivery"]["state"] == json!("ok")
    };
    eventually("the gateway delivers", delivers).await;
    let is_ready = || async { answer(node.tcp(Method::GET, "/readyz")).await.0 == 200 };
    eventually("the gateway is ready", is_ready).await;
    let (status, body) = answer(node.socket(Method::GET, "/v1/status")).await;
    assert_eq!(
        (status, &body["version"], &body["counts"]["groups"]),
        (200, &json!("0.0.0-test"), &json!(1))
    );
    assert_eq!(
        answer(node.socket(Method::GET, "/v1/dead-letters")).await.1,
        json!({"dead_letters": []})
    );
}

#[tokio::test]
async fn a_reply_that_was_given_up_is_counted_and_listed() {
    let node = Node::start().await;
    let group = node.world.group("team", false).await;
    let chat = node.world.chat("test:1", &group).await;
    let id = node.world.say(&chat, "hello").await;
    let hold = node.world.hold("a").await;
    let now = node.world.clock.now();
    let begun = node.world.store.begin_delivery(&hold, id, now).await.unwrap().unwrap();
    let dead = proto::outbound::AfterSend::Dead { reason: "400".into() };
    let finish = node.world.store.finish_delivery(id, begun.attempts, &dead, now);
    finish.await.unwrap();
    let (_, body) = answer(node.socket(Method::GET, "/v1/status")).await;
    assert_eq!(body["counts"]["outbox_dead"], json!(1));
    let (_, body) = answer(node.socket(Method::GET, "/v1/undelivered")).await;
    let reply = &body["undelivered"][0];
    assert_eq!(
        (&reply["text"], &reply["reason"], &reply["state"]),
        (&json!("hello"), &json!("400"), &json!("dead"))
    );
}

#[tokio::test]
async fn the_control_api_is_not_served_over_tcp() {
    let node = Node::start().await;
    for path in [
        "/v1/groups",
        "/v1/chats",
        "/v1/status",
        "/v1/chats/cli:main/events",
        "/v1/dead-letters",
        "/v1/undelivered",
    ] {
        assert_eq!(answer(node.tcp(Method::GET, path)).await.0, 404, "{path}");
    }
    assert_eq!(answer(node.tcp(Method::GET, "/metrics")).await.0, 200);
}

#[tokio::test]
async fn a_taken_port_or_a_bad_hook_is_refused_before_anything_runs() {
    let node = Node::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = World::new();
    let readiness = Readiness::new();
    let deps = || Deps {
        store: other.store.clone(),
        ingress: other.ingress.clone(),
        hints: other.hints.clone(),
        blobs: other.blobs(),
        clock: other.clock.clone(),
        ids: Arc::new(RandomIds),
        random: || 0.5,
        readiness: readiness.clone(),
        metrics: other.metrics(),
        health: Router::new(),
        version: "test",
    };
    let config = |listen, channels| Config {
        name: "local".into(),
        candidacy: candidacy(),
        assistant_name: "Andy".into(),
        timezone: chrono_tz::UTC,
        data_dir: other.dir.path().to_owned(),
        http: Http { listen },
        channels,
        security: Security::default(),
    };
    let lifecycle = Lifecycle::new();
    let port = config(taken.local_addr().unwrap(), Channels::default());
    let error = start(port, deps(), &lifecycle).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen on"), "{error}");
    let weak = Webhook {
        secret: Secret::new("x"),
        callback_url: None,
        group: None,
    };
    let hooks = Channels {
        webhook: BTreeMap::from([("a".to_owned(), weak)]),
        ..Channels::default()
    };
    let error = start(config("127.0.0.1:0".parse().unwrap(), hooks), deps(), &lifecycle)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("openssl rand"), "{error}");
    assert_eq!(lifecycle.running(), [""; 0]);
    drop(node);
}
