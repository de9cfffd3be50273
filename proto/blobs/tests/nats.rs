//! NATS keeps the promises of the port, on the oldest server we support and on the one we ship.

#![allow(clippy::unwrap_used)]

use blobs::nats::{NatsStore, Options};
use blobs::{BlobName, BlobStore as _};
use servers::{Nats, Version};

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
    assert!(matches!(store.get(&listed[0]).await, Err(blobs::Error::NotFound(_))));
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
