//! `clawhold auth gmail`: from the real binary to a file that a node can work with.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use doubles::gmail::GmailDouble;
use doubles::platform::{Faults, RunningPlatform, start};
use tests::{binary, inherited};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

async fn google(directory: &Path) -> (Arc<GmailDouble>, RunningPlatform) {
    let gmail = Arc::new(GmailDouble::new("andy@example.org"));
    let running = start(Arc::clone(&gmail), Arc::new(Faults::default())).await.unwrap();
    let url = running.url();
    let settings = format!(
        "[channels.gmail]\nkeys_file = \"keys.json\"\ncredentials_file = \"credentials.json\"\napi_url = \"{url}\"\n\
         accounts_url = \"{url}\"\noauth_url = \"{url}\"\nallow_unofficial_host = true\n"
    );
    std::fs::write(directory.join("clawhold.toml"), settings).unwrap();
    std::fs::write(directory.join("keys.json"), gmail.keys_json()).unwrap();
    (gmail, running)
}

/// Starts the command; the address it says the owner must open.
async fn asking(directory: &Path, arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(binary())
        .args(["auth", "gmail"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(inherited())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let url = stdout.lines().next_line().await.unwrap().unwrap();
    (child, url)
}

/// Where the consent page sends the owner's browser.
async fn consented(url: &str) -> String {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = browser.get(url).send().await.unwrap();
    page.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_in_the_browser_becomes_a_file_that_only_its_owner_reads() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let (_gmail, _running) = google(directory.path()).await;
    let (mut child, url) = asking(directory.path(), &[]).await;
    let page = reqwest::get(consented(&url).await).await.unwrap().text().await.unwrap();
    assert!(page.contains("close this window"), "{page}");
    assert!(child.wait().await.unwrap().success());
    let file = directory.path().join("credentials.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&file).unwrap().contains("refresh_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_on_another_machine_is_enough() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let (_gmail, _running) = google(directory.path()).await;
    let (mut child, url) = asking(directory.path(), &["--paste"]).await;
    let address = consented(&url).await;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{address}\n").as_bytes()).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    assert!(directory.path().join("credentials.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_declined_writes_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let (gmail, _running) = google(directory.path()).await;
    gmail.set_consents(false);
    let (mut child, url) = asking(directory.path(), &[]).await;
    let _ = reqwest::get(consented(&url).await).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert!(!directory.path().join("credentials.json").exists());
}
