//! Tasks in a fleet: managed where a gateway runs, fired by the leader, run by a runner, delivered by a gateway.

use serde_json::Value;
use tests::fleet::Fleet;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_added_at_one_gateway_fires_and_another_tells_its_history() {
    let fleet = Fleet::builder().services(2, 2, 2).rooms(2).start().await;
    let at = async |gateway: usize, arguments: &[&str]| {
        let arguments: Vec<&str> = ["task", "--json"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let said = fleet.gateways[gateway].command(&arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.stderr);
        serde_json::from_str::<Value>(&said.stdout).unwrap_or_default()
    };
    let add = [
        "add",
        "tea",
        "--group",
        "room-1",
        "--schedule",
        "every 10s",
        "--prompt",
        "make tea",
    ];
    let added = at(0, &add).await;
    assert_eq!(added["chat"], "webhook:chaos:1", "the group's one chat on a platform");
    let history = async || at(1, &["history", "tea"]).await["runs"].clone();
    fleet
        .until("two runs", async || {
            history().await.as_array().is_some_and(|runs| runs.len() >= 2)
        })
        .await;
    let runs = history().await;
    assert_eq!(runs[0]["outcome"], "answered", "{runs}");
    assert_ne!(runs[0]["due_at"], runs[1]["due_at"]);
    at(1, &["cancel", "tea"]).await;
    assert_eq!(at(0, &["list"]).await["tasks"], serde_json::json!([]));
}
