//! The piped chat against a gateway that serves, with an agent that echoes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bus::local::{LocalHints, LocalIngress};
use bus::{Hint, Hints};
use prometheus_client::registry::Registry;
use proto::claim::ClaimRequest;
use proto::group::{Group, GroupSettings};
use proto::ids::{GroupId, IdSource, OutboxId, RunnerId, TurnId};
use proto::lease::LeaseTimings;
use proto::outbound::Reply;
use proto::time::{Clock, Timestamp};
use proto::turn::{TurnCommit, Usage};
use service::clock::SystemClock;
use service::ids::RandomIds;
use service::lifecycle::{Lifecycle, Policy};
use service::readiness::Readiness;
use store::keeper::Takeover;
use store::sqlite::SqliteStore;
use store::{Begun, Store};

use super::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const SOON: Duration = Duration::from_secs(30);

/// A gateway with an agent behind it that answers every message with `echo: <text>`, and `quiet` with silence.
struct Node {
    lifecycle: Lifecycle,
    running: gateway::Running,
}

impl Node {
    async fn start(data_dir: &std::path::Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let now = clock.now();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&data_dir.join("clawhold.db"), now).unwrap());
        for (id, is_main) in [("main", true), ("team", false)] {
            let id = GroupId::parse(id).unwrap();
            let settings = GroupSettings::default();
            let group = Group {
                name: id.to_string(),
                id,
                is_main,
                settings,
                created_at: now,
            };
            store.put_group(&group).await.unwrap();
        }
        let hints: Arc<dyn Hints> = Arc::new(LocalHints::new());
        let readiness = Readiness::new();
        let mut registry = Registry::default();
        let deps = gateway::Deps {
            store: Arc::clone(&store),
            ingress: Arc::new(LocalIngress::new(
                Arc::clone(&store),
                Arc::clone(&hints),
                Arc::clone(&clock),
            )),
            hints: Arc::clone(&hints),
            blobs: Arc::new(blobs::directory::DirectoryStore::new(data_dir.join("blobs"))),
            clock: Arc::clone(&clock),
            ids: Arc::new(RandomIds),
            random: service::random::fraction,
            readiness,
            metrics: gateway::Metrics::register(&mut registry),
            health: Default::default(),
            version: "test",
        };
        let config = gateway::Config {
            name: "local".into(),
            candidacy: gateway::Candidacy {
                holder: "test".into(),
                timings: LeaseTimings::FAST,
                takeover: Takeover::AtOnce,
            },
            assistant_name: "Andy".into(),
            timezone: service::config::Zone::UTC.tz(),
            data_dir: data_dir.to_owned(),
            http: gateway::config::Http {
                listen: "127.0.0.1:0".parse().unwrap(),
            },
            channels: gateway::config::Channels::default(),
            security: gateway::config::Security {
                sender_allowlist: PathBuf::from("/none"),
                ..Default::default()
            },
        };
        let lifecycle = Lifecycle::new();
        let running = gateway::start(config, deps, &lifecycle).await.unwrap();
        let agent = echo(store, Arc::clone(&hints), lifecycle.soft_stop());
        lifecycle.spawn("agent", Policy::Critical, agent);
        Self { lifecycle, running }
    }

    async fn stop(self) {
        self.lifecycle.begin_soft_stop();
        self.lifecycle.finished(SOON).await;
    }
}

async fn echo(
    store: Arc<dyn Store>,
    hints: Arc<dyn Hints>,
    stop: tokio_util::sync::CancellationToken,
) -> anyhow::Result<()> {
    let (runner, now) = (RunnerId::new("r"), Timestamp::from_millis(i64::MAX / 2));
    let incarnation = store.register_runner(&runner, 5, now).await?;
    while !stop.is_cancelled() {
        let request = ClaimRequest {
            runner: runner.clone(),
            incarnation,
            free_slots: 5,
            now,
        };
        for claimed in store.claim_groups(&request).await? {
            if let Begun::Turn(batch) = store.begin_turn(&claimed.fence, TurnId::fresh(&RandomIds), now).await? {
                let answered = batch.messages.iter().filter(|message| message.envelope.text != "quiet");
                let replies: Vec<_> = answered
                    .map(|message| Reply {
                        key: message.ord.to_string(),
                        chat: message.envelope.chat.clone(),
                        text: format!("echo: {}", message.envelope.text),
                        sender: None,
                        extra: None,
                    })
                    .collect();
                let ids: Vec<_> = replies.iter().map(|_| OutboxId(RandomIds.uuid())).collect();
                let commit = TurnCommit {
                    turn: batch.turn,
                    through: batch.messages.last().unwrap().ord,
                    replies,
                    session: None,
                    usage: Usage::default(),
                    cost_micros: None,
                    outcome: proto::task::RunOutcome::Answered,
                    now,
                    snapshot: None,
                };
                store.commit_turn(&claimed.fence, &commit, &ids).await?;
                hints.publish(Hint::Outbox {
                    channel: "cli".into(),
                    account: "local".into(),
                    row: None,
                });
            }
            store.release_group(&claimed.fence, false, now).await?;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn group(id: &str) -> GroupId {
    GroupId::parse(id).unwrap()
}

async fn piped(socket: &std::path::Path, to: &str, input: &[u8], timeout: Duration) -> (bool, String) {
    let mut output = Vec::new();
    let code = chat_piped(socket, &group(to), input, &mut output, timeout)
        .await
        .unwrap();
    (code == ExitCode::SUCCESS, String::from_utf8(output).unwrap())
}

#[tokio::test]
async fn every_line_is_answered_once_and_then_the_chat_ends() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let answered = piped(node.running.socket(), "main", b"one\n\ntwo\nthree", SOON).await;
    assert_eq!(answered, (true, "echo: one\necho: two\necho: three\n".into()));
    assert_eq!(
        piped(node.running.socket(), "main", b"", SOON).await,
        (true, String::new()),
        "nothing is repeated"
    );
    node.stop().await;
}

#[tokio::test]
async fn silence_is_an_answer_and_so_is_being_kept_as_context() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    assert_eq!(
        piped(node.running.socket(), "main", b"quiet\n", SOON).await,
        (true, String::new())
    );
    assert_eq!(
        piped(node.running.socket(), "team", b"chatter\n", SOON).await,
        (true, String::new())
    );
    let (answered, output) = piped(node.running.socket(), "team", b"@Andy hi\n", SOON).await;
    assert_eq!(
        (answered, output.as_str()),
        (true, "echo: chatter\necho: @Andy hi\n"),
        "context reaches the agent later"
    );
    node.stop().await;
}

#[tokio::test]
async fn a_bad_line_fails_the_chat_and_not_the_other_lines() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let answered = piped(node.running.socket(), "main", b"\xff\xfe\nfine\n", SOON).await;
    assert_eq!(answered, (false, "echo: fine\n".into()));
    node.stop().await;
}

#[tokio::test]
async fn what_stays_unanswered_ends_as_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    // No agent any more.
    node.lifecycle.begin_soft_stop();
    let answered = piped(node.running.socket(), "main", b"hello\n", Duration::from_millis(500)).await;
    assert_eq!(answered, (false, String::new()));
    node.stop().await;
}

#[tokio::test]
async fn the_chat_lives_through_a_restart_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let socket = node.running.socket().to_owned();
    let (mut to_chat, input) = tokio::io::duplex(1024);
    let (from_chat, output) = tokio::io::duplex(1024);
    let mut shown = BufReader::new(from_chat).lines();
    let main = group("main");
    let chat = chat_piped(&socket, &main, BufReader::new(input), output, SOON);
    let story = async {
        to_chat.write_all(b"before\n").await.unwrap();
        assert_eq!(shown.next_line().await.unwrap().as_deref(), Some("echo: before"));
        node.stop().await;
        to_chat.write_all(b"while away\n").await.unwrap();
        let node = Node::start(dir.path()).await;
        to_chat.write_all(b"after\n").await.unwrap();
        drop(to_chat);
        let mut lines = Vec::new();
        while let Some(line) = shown.next_line().await.unwrap() {
            lines.push(line);
        }
        (node, lines)
    };
    let (code, (node, mut lines)) = tokio::join!(chat, story);
    assert_eq!(code.unwrap(), ExitCode::SUCCESS);
    lines.sort_unstable();
    assert_eq!(lines, ["echo: after", "echo: while away"]);
    node.stop().await;
}

#[tokio::test]
async fn an_unknown_group_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let error = chat_piped(node.running.socket(), &group("nobody"), &b"hi\n"[..], Vec::new(), SOON)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("clawhold group add nobody"), "{error}");
    node.stop().await;
}
