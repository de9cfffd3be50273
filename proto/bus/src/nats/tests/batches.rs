//! Many groups at once: their messages share batches where the server takes them, and nothing else changes.

use async_nats::header::NATS_BATCH_ID;
use futures::future::join_all;
use proto::ids::GroupId;
use servers::{Nats as Server, Version};

use super::world::{Bus, VERSIONS};
use crate::conformance::log::{end, give, read, texts_of};
use crate::conformance::{group, message, soon};
use crate::{Ingress, Log};

/// Groups that speak at once.
const GROUPS: usize = 80;
/// Messages of each, where servers are killed under way.
const ROUNDS: usize = 20;

fn groups() -> Vec<GroupId> {
    (0..GROUPS).map(|number| group(&format!("group-{number}"))).collect()
}

/// How many messages of the stream came in a batch.
async fn in_batches(server: &Server) -> usize {
    let admin = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = admin.get_stream("CLAWHOLD_IN").await.unwrap();
    let mut count = 0;
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let stored = stream.get_raw_message(sequence).await.unwrap();
        count += usize::from(stored.headers.get(NATS_BATCH_ID).is_some());
    }
    count
}

#[tokio::test]
async fn what_many_groups_say_at_once_is_stored_once_each_and_in_the_order_of_each() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        let (ingress, log) = (bus.nats.ingress(), bus.nats.log());
        let all = groups();
        let given = (0..5).flat_map(|number| all.iter().map(move |group| (group, number)));
        let accepted = given.map(|(group, number)| ingress.accept(message(group, &number.to_string())));
        let mut sequences: Vec<u64> = Vec::new();
        for accepted in join_all(accepted).await {
            let accepted = accepted.unwrap();
            assert!(accepted.is_new);
            sequences.extend(accepted.log_sequence);
        }
        sequences.sort_unstable();
        let expected: Vec<u64> = (1..=5 * GROUPS as u64).collect();
        assert_eq!(sequences, expected, "each was told where it is");
        for group in &all {
            let texts = texts_of(&read(&*log, group, 0, 5).await);
            assert_eq!(texts, ["0", "1", "2", "3", "4"], "{group}");
        }
        let in_batches = in_batches(&server).await;
        assert_eq!(in_batches > GROUPS, version == Version::V2_15, "{in_batches}");
        bus.stop().await;
    }
}

#[tokio::test]
async fn a_message_that_is_known_is_told_so_and_its_companions_are_new() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let (ingress, all) = (bus.nats.ingress(), groups());
    give(&*ingress, &all[7], "a").await;
    let accepted = join_all(all.iter().map(|group| ingress.accept(message(group, "a")))).await;
    for (group, accepted) in all.iter().zip(accepted) {
        assert_eq!(accepted.unwrap().is_new, *group != all[7], "{group}");
    }
    assert_eq!(end(&*bus.nats.log()).await, GROUPS as u64);
}

#[tokio::test]
async fn a_server_that_is_killed_under_batches_keeps_all_it_acknowledged_once() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let (ingress, log, all) = (bus.nats.ingress(), bus.nats.log(), groups());
    let talk = join_all(all.iter().map(|group| {
        let ingress = &ingress;
        async move {
            for number in 0..ROUNDS {
                while ingress.accept(message(group, &number.to_string())).await.is_err() {}
            }
        }
    }));
    let trouble = async {
        for _ in 0..3 {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            server.kill().await;
            server.restart().await;
        }
    };
    soon("all messages", async { tokio::join!(talk, trouble) }).await;
    let is_back = async {
        while log.state().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon("the server", is_back).await;
    let expected: Vec<String> = (0..ROUNDS).map(|number| number.to_string()).collect();
    for group in &all {
        assert_eq!(texts_of(&read(&*log, group, 0, ROUNDS).await), expected, "{group}");
    }
    assert_eq!(end(&*log).await, (ROUNDS * GROUPS) as u64, "none is there twice");
}
