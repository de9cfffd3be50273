use bus::{Hint, Interest};
use proto::time::Clock;
use serde_json::json;

use super::*;

async fn with_group() -> Node {
    let node = Node::start().await;
    let (status, _) = answer(node.socket(Method::POST, "/v1/groups").json(&json!({"id": "team"}))).await;
    assert_eq!(status, 201);
    node
}

impl Node {
    async fn tell(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        answer(self.socket(method, path).json(&body)).await
    }

    async fn add(&self, id: &str, value: &str) -> (u16, Value) {
        let fields = json!({"prompt": "Post the weather.", "schedule_type": "cron", "schedule_value": value});
        let body = json!({"id": id, "group": "team", "fields": fields});
        self.tell(Method::POST, "/v1/tasks", body).await
    }
}

#[tokio::test]
async fn a_task_is_added_shown_changed_and_removed_and_the_leader_is_told() {
    let node = with_group().await;
    let mut told = node.world.hints.listen(Interest::Tasks);
    let (status, task) = node.add("weather", "0 9 * * *").await;
    assert_eq!((status, &task["chat"]), (201, &json!("cli:team")), "{task}");
    assert_eq!(
        task["timezone"], "Europe/Berlin",
        "the node's zone, since the group has none"
    );
    assert_eq!(task["next_runs"].as_array().unwrap().len(), 5);
    assert_eq!(told.next().await, Some(Hint::Tasks));
    let (status, error) = node.add("weather", "0 9 * * *").await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("task_exists")));

    let change = json!({"fields": {"schedule_type": "interval", "schedule_value": "600000"}});
    let (status, task) = node.tell(Method::PATCH, "/v1/tasks/weather", change).await;
    assert_eq!((status, &task["schedule"]), (200, &json!("every 10m")), "{task}");
    assert_eq!(task["prompt"], "Post the weather.", "what is not named stays");
    let (_, task) = node.tell(Method::POST, "/v1/tasks/weather/pause", json!(null)).await;
    assert_eq!((&task["status"], &task["next_run"]), (&json!("paused"), &Value::Null));
    let (_, task) = node.tell(Method::POST, "/v1/tasks/weather/resume", json!(null)).await;
    assert_eq!(task["status"], "active");
    let (_, tasks) = answer(node.socket(Method::GET, "/v1/tasks?group=team")).await;
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(answer(node.socket(Method::DELETE, "/v1/tasks/weather")).await.0, 204);
    let (status, error) = answer(node.socket(Method::GET, "/v1/tasks/weather")).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("no_such_task")));
}

#[tokio::test]
async fn a_run_by_hand_is_work_for_the_group_and_has_a_key_in_the_history() {
    let node = with_group().await;
    node.add("weather", "0 9 * * *").await;
    let (status, begun) = node.tell(Method::POST, "/v1/tasks/weather/run", json!(null)).await;
    assert_eq!(status, 200, "{begun}");
    assert!(
        node.world
            .store
            .oldest_waiting(node.world.clock.now())
            .await
            .unwrap()
            .is_some()
    );
    // Paused, it takes back what has not begun, and history says so.
    node.tell(Method::POST, "/v1/tasks/weather/pause", json!(null)).await;
    let (_, runs) = answer(node.socket(Method::GET, "/v1/task-runs?task=weather")).await;
    assert_eq!(runs["runs"][0]["outcome"], "cancelled");
    assert_eq!(runs["runs"][0]["due_at"], begun["due_at"]);
}

#[tokio::test]
async fn what_cannot_be_a_task_is_refused_with_field_and_value() {
    let node = with_group().await;
    for (fields, says) in [
        (
            json!({"schedule_type": "cron", "schedule_value": "0 9 * * *"}),
            "prompt is missing",
        ),
        (
            json!({"prompt": "x", "schedule_type": "cron", "schedule_value": "0 0 30 2 *"}),
            "can never be due",
        ),
        (
            json!({"prompt": "x", "schedule_type": "interval", "schedule_value": "5"}),
            "shorter than 10000 ms",
        ),
        (
            json!({"prompt": "x", "schedule_type": "once", "schedule_value": "2001-01-01T00:00"}),
            "choose a later time",
        ),
        (
            json!({"prompt": "x", "schedule_type": "fortnightly", "schedule_value": "1"}),
            "\"fortnightly\"",
        ),
        (
            json!({"prompt": "x", "schedule_type": "cron", "schedule_value": "@daily", "timezone": "Mars"}),
            "\"Mars\"",
        ),
        (json!({"promt": "x"}), "promt"),
    ] {
        let (status, error) = node
            .tell(Method::POST, "/v1/tasks", json!({"group": "team", "fields": fields}))
            .await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(says), "{fields}: {message}");
    }
    let (status, error) = node
        .tell(Method::PATCH, "/v1/tasks/none", json!({"fields": {"prompt": "x"}}))
        .await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("no_such_task")));
}

#[tokio::test]
async fn sc_11_the_zone_of_the_group_comes_before_that_of_the_node() {
    let node = with_group().await;
    let zone = json!({"settings": {"timezone": "Asia/Tokyo"}});
    node.tell(Method::PATCH, "/v1/groups/team", zone).await;
    let (_, task) = node.add("weather", "0 9 * * *").await;
    assert_eq!(task["timezone"], "Asia/Tokyo");
    assert!(
        task["next_run"].as_str().unwrap().ends_with("T09:00:00+09:00"),
        "{task}"
    );
}

#[tokio::test]
async fn declared_tasks_are_checked_as_a_whole_before_anything_is_written() {
    let node = with_group().await;
    let entry = |name: &str, group: &str, value: &str| {
        let fields = json!({"prompt": "x", "schedule_type": "cron", "schedule_value": value});
        json!({"name": name, "group": group, "fields": fields})
    };
    let declare = async |tasks: Value| {
        node.tell(Method::PUT, "/v1/declared-tasks", json!({ "tasks": tasks }))
            .await
            .1
    };
    let applied = declare(json!([
        entry("good", "team", "0 9 * * *"),
        entry("bad", "nobody", "0 9 * * *"),
        entry("worse", "team", "0 99 * * *"),
        entry("good", "team", "0 9 * * *"),
    ]))
    .await;
    let problems: Vec<_> = applied["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (&p["entry"], &p["field"]))
        .collect();
    let (one, two, three) = (json!(1), json!(2), json!(3));
    let fields = [json!("group"), json!("schedule_value"), json!("name")];
    assert_eq!(problems, [(&one, &fields[0]), (&two, &fields[1]), (&three, &fields[2])]);
    let (_, tasks) = answer(node.socket(Method::GET, "/v1/tasks")).await;
    assert_eq!(tasks, json!({"tasks": []}));
    let good = json!([entry("good", "team", "0 9 * * *")]);
    assert_eq!(declare(good.clone()).await["changes"][0]["action"], "add");
    assert_eq!(declare(good).await["changes"][0]["action"], "keep");
}
