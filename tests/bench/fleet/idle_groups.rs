//! What a hundred thousand groups cost that do nothing, each with a chat.

use std::time::Duration;

use tests::fleet::{Fleet, Tables};

use crate::report::Measurement;

/// Growth of all processes and tables together.
pub(crate) async fn idle_groups() -> Vec<Measurement> {
    let mut fleet = Fleet::builder().rooms(1).start().await;
    fleet.ask(0).await;
    let before = resident_mib(&mut fleet);
    let tables = Tables::connect(&fleet).await;
    let database = async || tables.count("SELECT pg_database_size(current_database())").await as f64 / 1_048_576.0;
    let empty = database().await;
    tables
        .execute(
            "INSERT INTO groups SELECT (json_populate_record(g, json_build_object('id', 'idle-' || n, 'name', 'idle ' || n))).*
             FROM groups g, generate_series(1, 100000) n WHERE g.id = 'room-0'",
        )
        .await;
    tables
        .execute(
            "INSERT INTO chats SELECT (json_populate_record(c, json_build_object(
                 'id', c.id || '-' || n, 'name', 'idle ' || n, 'group_id', 'idle-' || n))).*
             FROM chats c, generate_series(1, 100000) n WHERE c.group_id = 'room-0'",
        )
        .await;
    // Sweeps, reapers and gauges have all run by then.
    tokio::time::sleep(Duration::from_secs(20)).await;
    fleet.ask(0).await;
    let after = resident_mib(&mut fleet);
    let one = |name, sample: f64, depends_on| Measurement {
        name,
        unit: "MiB",
        samples: vec![sample],
        depends_on,
    };
    vec![
        one(
            "idle-groups",
            after - before + database().await - empty,
            "growth by 100 000 idle groups: resident sets of 7 services and the broker, and the database",
        ),
        one("idle-groups-rows", database().await - empty, "of which the database"),
    ]
}

fn resident_mib(fleet: &mut Fleet) -> f64 {
    let services: Vec<u32> = fleet.services().map(|service| service.pid()).collect();
    let all = services.into_iter().chain(fleet.nats.pid());
    all.map(crate::node::resident_mib).sum()
}
