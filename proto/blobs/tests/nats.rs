//! NATS keeps the promises of the port, on the oldest server we support and on the one we ship.

#![allow(clippy::unwrap_used)]

use blobs::nats::{NatsStore, Options};
use std::time::Duration;

use blobs::{BlobName, BlobStore as _, Error};
use servers::{Nats, NatsCluster, Version};

async fn store(server: &Nats) -> (NatsStore, async_nats::Client) {
    let client = async_nats::connect(server.url()).await.unwrap();
    (NatsStore::new(client.clone(), Options::default()), client)
}

#[tokio::test]
async fn nats_is_a_blob_store() {
    let server = Nats::start(Version::V2_15).await;
    blobs::conformance::run(&store(&server).await.0).await;
}

#[tokio::test]
async fn the_oldest_nats_is_a_blob_store() {
    let server = Nats::start(Version::V2_10).await;
    blobs::conformance::run(&store(&server).await.0).await;
}

#[tokio::test]
async fn a_removed_blob_leaves_nothing_behind_and_an_unfinished_one_is_listed() {
    let server = Nats::start(Version::V2_15).await;
    let (store, client) = store(&server).await;
    let name = BlobName::parse("groups/team/1-a.pack").unwrap();
    store.put(&name, vec![7; 2_000_000].into()).await.unwrap();
    store.delete(&name).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("OBJ_clawhold-blobs").await.unwrap();
    assert_eq!(stream.get_info().await.unwrap().state.messages, 0);

    // A writer that died after its first piece.
    let piece = context
        .publish("$O.clawhold-blobs.C.groups.team.1-b=pack", "piece".into())
        .await
        .unwrap();
    piece.await.unwrap();
    let listed = store.list("groups/team/").await.unwrap();
    assert_eq!(listed, [BlobName::parse("groups/team/1-b.pack").unwrap()]);
    assert!(matches!(store.get(&listed[0]).await, Err(Error::NotFound(_))));
    store.delete(&listed[0]).await.unwrap();
    assert_eq!(stream.get_info().await.unwrap().state.messages, 0);
}

#[tokio::test]
async fn the_clients_own_object_store_reads_what_we_write() {
    use tokio::io::AsyncReadExt as _;
    let server = Nats::start(Version::V2_15).await;
    let (store, client) = store(&server).await;
    let content: Vec<u8> = (0..1_300_000_u32).map(|at| (at % 251) as u8).collect();
    store
        .put(&BlobName::parse("a/b.c").unwrap(), content.clone().into())
        .await
        .unwrap();
    let bucket = async_nats::jetstream::new(client)
        .get_object_store("clawhold-blobs")
        .await
        .unwrap();
    let mut read = Vec::new();
    bucket.get("a/b.c").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == content);
}

#[tokio::test]
async fn a_server_that_lost_everything_gets_a_new_bucket_without_a_restart_of_ours() {
    for version in [Version::V2_15, Version::V2_10] {
        let server = Nats::start(version).await;
        let store = store(&server).await.0;
        let [old, new] = ["a/old", "a/new"].map(|name| BlobName::parse(name).unwrap());
        store.put(&old, vec![1; 2_000_000].into()).await.unwrap();
        let identity = store.identity().await.unwrap();

        server.wipe().await;
        store.put(&new, vec![2; 2_000_000].into()).await.unwrap();
        assert!(store.get(&new).await.unwrap() == vec![2; 2_000_000]);
        assert!(matches!(store.get(&old).await, Err(Error::NotFound(_))));
        assert_ne!(store.identity().await.unwrap(), identity);

        // Whatever comes first makes it again.
        server.wipe().await;
        assert!(matches!(store.get(&new).await, Err(Error::NotFound(_))));
        server.wipe().await;
        assert!(matches!(store.get_range(&new, 0..1).await, Err(Error::NotFound(_))));
        server.wipe().await;
        assert_eq!(store.list("").await.unwrap(), []);
        server.wipe().await;
        store.delete(&new).await.unwrap();
        server.wipe().await;
        store.identity().await.unwrap();
        server.wipe().await;
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_restart_of_the_server_keeps_the_blobs_and_the_identity() {
    let server = Nats::start(Version::V2_15).await;
    let store = store(&server).await.0;
    let name = BlobName::parse("a/b").unwrap();
    store.put(&name, vec![1; 10].into()).await.unwrap();
    let identity = store.identity().await.unwrap();
    server.restart().await;
    assert_eq!(store.get(&name).await.unwrap(), vec![1; 10]);
    assert_eq!(store.identity().await.unwrap(), identity);
}

#[tokio::test]
async fn the_copies_of_a_bucket_follow_the_configuration() {
    let cluster = NatsCluster::start(Version::V2_15).await;
    let client = async_nats::connect(cluster.urls()).await.unwrap();
    let context = async_nats::jetstream::new(client.clone());
    let name = BlobName::parse("a/b").unwrap();
    for replicas in [1, 3] {
        let bucket = Options {
            replicas,
            ..Options::default()
        };
        let store = NatsStore::new(client.clone(), bucket);
        // The servers take their time to find one another.
        let stored = async { while store.put(&name, vec![1; 10].into()).await.is_err() {} };
        tokio::time::timeout(Duration::from_secs(30), stored).await.unwrap();
        let stream = context.get_stream("OBJ_clawhold-blobs").await.unwrap();
        assert_eq!(stream.cached_info().config.num_replicas, replicas);
        assert_eq!(store.get(&name).await.unwrap(), vec![1; 10]);
    }
}

#[tokio::test]
async fn a_bucket_that_cannot_have_more_copies_is_used_as_it_is() {
    let server = Nats::start(Version::V2_15).await;
    let (one, client) = store(&server).await;
    let name = BlobName::parse("a/b").unwrap();
    one.put(&name, vec![1; 10].into()).await.unwrap();
    let bucket = Options {
        replicas: 3,
        ..Options::default()
    };
    let three = NatsStore::new(client, bucket);
    assert_eq!(three.get(&name).await.unwrap(), vec![1; 10]);
    three.check().await.unwrap();
}
