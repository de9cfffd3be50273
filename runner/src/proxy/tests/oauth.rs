//! Tokens that are renewed, against the stand-in for the real service.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use doubles::{Credentials, ModelDouble, OauthAccount, Running, echo_script};
use serde_json::json;
use service::config::Secret;
use tokio::task::JoinSet;

use super::place::{Place, error_of};
use crate::config::Model;

const REFRESH: &str = "sk-ant-ort-first";

async fn double() -> Running {
    let account = OauthAccount {
        refresh_token: REFRESH.to_owned(),
        access_lifetime: Duration::from_secs(3_600),
        rotates_refresh_token: true,
    };
    ModelDouble::new(echo_script())
        .credentials(Credentials::oauth_account(account))
        .listen()
        .await
        .unwrap()
}

fn model(double: &Running, refresh: &str) -> Model {
    Model {
        oauth_refresh_token: Some(Secret::new(refresh)),
        oauth_token_url: Some(format!("{}/v1/oauth/token", double.base_url())),
        base_url: double.base_url(),
        ..Model::default()
    }
}

fn ask(place: &Place) -> reqwest::RequestBuilder {
    let body =
        json!({ "model": "claude-sonnet-4-5", "max_tokens": 10, "messages": [{ "role": "user", "content": "hi" }] });
    place
        .post(body.to_string())
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "other-1")
}

fn renewals(double: &Running) -> usize {
    double
        .requests()
        .iter()
        .filter(|request| request.path == "/v1/oauth/token")
        .count()
}

#[tokio::test]
async fn a_token_is_fetched_at_first_use_and_renewed_when_refused() {
    let double = double().await;
    let place = Place::with(&model(&double, REFRESH), tempfile::tempdir().unwrap(), JoinSet::new());
    assert_eq!(ask(&place).send().await.unwrap().status(), 200);
    assert_eq!(ask(&place).send().await.unwrap().status(), 200);
    assert_eq!(renewals(&double), 1, "kept while it lasts");
    double.expire_access_tokens();
    assert_eq!(
        ask(&place).send().await.unwrap().status(),
        200,
        "the agent does not notice"
    );
    assert_eq!(
        renewals(&double),
        2,
        "the refresh token was rotated and the new one used"
    );
    assert!(place.handle.totals().usage.output_tokens > 0);
}

#[tokio::test]
async fn many_requests_share_one_renewal() {
    let double = double().await;
    let place = Place::with(&model(&double, REFRESH), tempfile::tempdir().unwrap(), JoinSet::new());
    assert_eq!(ask(&place).send().await.unwrap().status(), 200);
    double.expire_access_tokens();
    let answers = futures::future::join_all((0..10).map(|_| ask(&place).send())).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
    assert_eq!(renewals(&double), 2);
}

#[tokio::test]
async fn rotated_tokens_survive_a_restart_and_a_new_login_replaces_them() {
    let double = double().await;
    let place = Place::with(&model(&double, REFRESH), tempfile::tempdir().unwrap(), JoinSet::new());
    assert_eq!(ask(&place).send().await.unwrap().status(), 200);
    let file = place.data.path().join("oauth.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let Place { data, .. } = place;
    double.expire_access_tokens();
    let place = Place::with(&model(&double, REFRESH), data, JoinSet::new());
    assert_eq!(
        ask(&place).send().await.unwrap().status(),
        200,
        "the configured refresh token is long used up"
    );

    let Place { data, .. } = place;
    let place = Place::with(&model(&double, "sk-ant-ort-of-a-new-login"), data, JoinSet::new());
    let (status, kind, message) = error_of(ask(&place).send().await.unwrap()).await;
    assert_eq!(
        (status, kind.as_str()),
        (401, "authentication_error"),
        "what was kept belongs to the old login"
    );
    assert!(
        message.contains("log in again") && !message.contains("sk-ant"),
        "{message}"
    );
}

#[tokio::test]
async fn a_failed_renewal_is_not_hammered() {
    let double = double().await;
    let place = Place::with(&model(&double, "wrong"), tempfile::tempdir().unwrap(), JoinSet::new());
    for _ in 0..5 {
        assert_eq!(ask(&place).send().await.unwrap().status(), 401);
    }
    assert_eq!(renewals(&double), 1);
    let mut unreachable = model(&double, REFRESH);
    unreachable.oauth_token_url = Some("http://127.0.0.1:1/token".to_owned());
    let place = Place::with(&unreachable, tempfile::tempdir().unwrap(), JoinSet::new());
    let (status, kind, message) = error_of(ask(&place).send().await.unwrap()).await;
    assert_eq!((status, kind.as_str()), (502, "api_error"), "may pass: worth a retry");
    assert!(message.contains("could not be renewed"), "{message}");
}

#[tokio::test]
async fn a_fixed_token_is_sent_as_bearer_with_its_beta() {
    let credentials = Credentials::oauth_token("sk-ant-oat-fixed");
    let double = ModelDouble::new(echo_script())
        .credentials(credentials)
        .listen()
        .await
        .unwrap();
    let mut model = model(&double, "unused");
    model.oauth_refresh_token = None;
    model.oauth_token = Some(Secret::new("sk-ant-oat-fixed"));
    let place = Place::with(&model, tempfile::tempdir().unwrap(), JoinSet::new());
    assert_eq!(ask(&place).send().await.unwrap().status(), 200);
    assert_eq!(format!("{:?}", place.proxies.credentials()), "Credentials(oauth token)");
}
