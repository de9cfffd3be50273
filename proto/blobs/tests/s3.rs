//! S3 keeps the promises of the port, and refusals are told apart: against our own double, which can be made to fail, and against
//! a server that somebody else wrote, who need not have misread the protocol as we did.
#![allow(clippy::unwrap_used)]

use std::ops::Range;

use async_trait::async_trait;
use blobs::s3::{Options, S3Store};
use blobs::{BlobName, BlobStore, Error, Result};
use bytes::Bytes;
use doubles::{RunningS3, S3Double};
use futures::{StreamExt as _, TryStreamExt as _};
use servers::Rclone;
use tokio::sync::RwLock;

async fn start() -> (RunningS3, Options) {
    let server = S3Double::new("bucket", "key-id", "secret", "eu-central-1")
        .listen()
        .await
        .unwrap();
    let options = options(server.endpoint());
    (server, options)
}

async fn start_rclone() -> (Rclone, Options) {
    let server = Rclone::start("bucket", "key-id", "secret").await;
    let options = options(server.endpoint());
    (server, options)
}

fn options(endpoint: String) -> Options {
    Options {
        endpoint: Some(endpoint),
        bucket: "bucket".to_owned(),
        prefix: "install/one/".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key_id: "key-id".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
        allow_http: true,
    }
}

/// What this server cannot do of S3, done for it. It lets readers see half a write of an object that is replaced, which nobody does
/// whose blobs have names of their own: here reads wait for writes. And it answers for a range with 200, where HTTP wants 206 and
/// our client insists on that: here a range is a part of the whole, and ranges are asked of the double only.
struct Helped {
    store: S3Store,
    writing: RwLock<()>,
}

#[async_trait]
impl BlobStore for Helped {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        let _alone = self.writing.write().await;
        self.store.put(name, content).await
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        let _unchanged = self.writing.read().await;
        self.store.get(name).await
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let whole = self.get(name).await?;
        if range.end > whole.len() as u64 {
            let name = name.clone();
            return Err(Error::OutOfRange { name, range });
        }
        Ok(whole.slice(range.start as usize..range.end as usize))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        self.store.list(prefix).await
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.store.delete(name).await
    }

    async fn check(&self) -> Result<()> {
        self.store.check().await
    }
}

#[tokio::test]
async fn s3_is_a_blob_store() {
    let (server, options) = start().await;
    blobs::conformance::run(&S3Store::new(&options).unwrap()).await;
    assert!(server.keys().iter().all(|key| key.starts_with("install/one/")));
}

#[tokio::test]
async fn s3_as_others_speak_it_is_a_blob_store() {
    let (_server, options) = start_rclone().await;
    let store = Helped {
        store: S3Store::new(&options).unwrap(),
        writing: RwLock::default(),
    };
    blobs::conformance::run(&store).await;
}

#[tokio::test]
async fn a_list_of_more_than_one_page_is_whole() {
    let (_server, options) = start_rclone().await;
    let store = S3Store::new(&options).unwrap();
    // A page has a thousand.
    let names = (0..1_010).map(|number| BlobName::parse(&format!("many/{number:04}")).unwrap());
    let names: Vec<_> = names.collect();
    let puts = futures::stream::iter(&names).map(|name| store.put(name, Bytes::from_static(b"x")));
    puts.buffer_unordered(8).try_collect::<Vec<_>>().await.unwrap();
    let mut listed = store.list("many/").await.unwrap();
    listed.sort();
    assert!(listed == names, "{} of {} are listed", listed.len(), names.len());
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_bucket_are_not_missing_blobs() {
    let (_double, options) = start().await;
    refusals_are_no_missing_blobs(&options).await;
    let (_rclone, options) = start_rclone().await;
    refusals_are_no_missing_blobs(&options).await;
}

async fn refusals_are_no_missing_blobs(options: &Options) {
    let blob = BlobName::parse("a").unwrap();
    for wrong in [
        Options {
            secret_access_key: "other".to_owned(),
            ..options.clone()
        },
        Options {
            bucket: "other".to_owned(),
            ..options.clone()
        },
    ] {
        let store = S3Store::new(&wrong).unwrap();
        let (check, get) = (store.check().await, store.get(&blob).await);
        assert!(matches!(check, Err(Error::Unavailable { .. })), "{check:?}");
        assert!(matches!(get, Err(Error::Unavailable { .. })), "{get:?}");
        let text = format!("{:?}", check.unwrap_err());
        assert!(!text.contains("secret") && !text.contains("other-secret"), "{text}");
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again() {
    let (server, options) = start().await;
    let (store, blob) = (S3Store::new(&options).unwrap(), BlobName::parse("a").unwrap());
    server.fail_next(http::StatusCode::SERVICE_UNAVAILABLE);
    store.put(&blob, "x".into()).await.unwrap();
    server.fail_next(http::StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(store.get(&blob).await.unwrap(), "x");
}

#[tokio::test]
async fn credentials_do_not_go_in_the_clear_unless_told_to() {
    let (_server, options) = start().await;
    let error = S3Store::new(&Options {
        allow_http: false,
        ..options.clone()
    })
    .unwrap_err();
    assert!(error.to_string().contains("allow_http"), "{error}");
    assert!(!format!("{options:?}").contains("secret"));
}
