//! S3 keeps the promises of the port, and refusals are told apart.
#![allow(clippy::unwrap_used)]

use blobs::s3::{Options, S3Store};
use blobs::{BlobName, BlobStore as _, Error};
use doubles::{RunningS3, S3Double};

async fn start() -> (RunningS3, Options) {
    let server = S3Double::new("bucket", "key-id", "secret", "eu-central-1")
        .listen()
        .await
        .unwrap();
    let options = Options {
        endpoint: Some(server.endpoint()),
        bucket: "bucket".to_owned(),
        prefix: "install/one/".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key_id: "key-id".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
        allow_http: true,
    };
    (server, options)
}

#[tokio::test]
async fn s3_is_a_blob_store() {
    let (server, options) = start().await;
    blobs::conformance::run(&S3Store::new(&options).unwrap()).await;
    assert!(server.keys().iter().all(|key| key.starts_with("install/one/")));
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_bucket_are_not_missing_blobs() {
    let (_server, options) = start().await;
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
