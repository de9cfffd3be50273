use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proto::ids::{Epoch, GroupId, Incarnation, RunnerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::memory::{Fault, MemoryEngine, MemoryRuntime, Pipes, program};
use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn labels(group: &str, epoch: i64) -> SandboxLabels {
    SandboxLabels {
        install: "here".to_owned(),
        runner: RunnerId::new("local"),
        incarnation: Incarnation(1),
        group: GroupId::parse(group).unwrap(),
        epoch: Epoch(epoch),
    }
}

fn spec(group: &str, epoch: i64) -> SandboxSpec {
    let labels = labels(group, epoch);
    SandboxSpec {
        name: labels.sandbox_name(),
        labels,
        image: "image".to_owned(),
        entrypoint: None,
        env: Vec::new(),
        mounts: Vec::new(),
        uid: 1000,
        limits: Limits {
            memory_bytes: 1 << 30,
            cpus: 1.5,
            pids: 64,
            tmpfs_bytes: 1 << 20,
        },
        tier: Tier::Container,
        network: Network::None,
        interactive: true,
    }
}

/// An engine whose image answers each byte with itself, and ends with its input.
fn echoing() -> MemoryEngine {
    let engine = MemoryEngine::new();
    let echo = program(
        |_,
         Pipes {
             mut stdin, mut stdout, ..
         }| async move {
            let copied = tokio::io::copy(&mut stdin, &mut stdout).await;
            Exit {
                code: if copied.is_ok() { 0 } else { 1 },
                oom_killed: false,
            }
        },
    );
    let info = ImageInfo {
        id: "sha256:1".to_owned(),
        contract: Contract::Own,
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        env: Vec::new(),
        working_dir: None,
    };
    engine.add_image("image", info, echo);
    engine
}

#[test]
fn labels_survive_the_engine_and_malformed_ones_are_not_ours() {
    let ours = labels("team", 9);
    assert_eq!(SandboxLabels::from_map(&ours.to_map()), Ok(ours.clone()));
    assert_eq!(ours.sandbox_name(), "clawhold-here-team-i1-e9");
    for wrong in [
        label::INSTALL,
        label::RUNNER,
        label::INCARNATION,
        label::GROUP,
        label::EPOCH,
    ] {
        let mut map = ours.to_map();
        map.remove(wrong);
        assert_eq!(SandboxLabels::from_map(&map), Err(InvalidLabels { label: wrong }));
    }
    let mut map = ours.to_map();
    map.insert(label::GROUP.to_owned(), "../x".to_owned());
    assert_eq!(
        SandboxLabels::from_map(&map),
        Err(InvalidLabels { label: label::GROUP })
    );
}

#[test]
fn the_longest_group_name_makes_a_name_docker_takes() {
    let name = labels(&"g".repeat(64), i64::MAX).sandbox_name();
    assert!(
        name.len() < 128
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
        "{name}"
    );
}

#[test]
fn an_image_without_our_label_speaks_nanoclaws_contract_and_an_unknown_version_is_refused() {
    let labels = |version: Option<&str>| -> HashMap<String, String> {
        version
            .map(|version| (proto::ipc::CONTRACT_LABEL.to_owned(), version.to_owned()))
            .into_iter()
            .collect()
    };
    assert_eq!(Contract::of_labels(&labels(None)).unwrap(), Contract::NanoClaw);
    assert_eq!(Contract::of_labels(&labels(Some("1"))).unwrap(), Contract::Own);
    assert!(matches!(
        Contract::of_labels(&labels(Some("2"))),
        Err(RuntimeError::Refused(_))
    ));
}

#[tokio::test]
async fn a_sandbox_in_memory_has_streams_and_an_end() {
    let runtime = MemoryRuntime::new(echoing(), "here");
    let mut started = runtime.start(&spec("main", 1)).await.unwrap();
    let mut stdin = started.stdin.take().unwrap();
    stdin.write_all(b"hello").await.unwrap();
    drop(stdin);
    let mut said = String::new();
    started.stdout.read_to_string(&mut said).await.unwrap();
    assert_eq!((said.as_str(), started.exit.await.code), ("hello", 0));
    assert_eq!(runtime.list().await.unwrap()[0].state, SandboxState::Exited);
}

#[tokio::test]
async fn a_paused_sandbox_in_memory_does_nothing_until_it_is_resumed() {
    let engine = echoing();
    let runtime = MemoryRuntime::new(engine.clone(), "here");
    let mut started = runtime.start(&spec("main", 1)).await.unwrap();
    let mut stdin = started.stdin.take().unwrap();
    runtime.pause(&started.id).await.unwrap();
    assert!(engine.acting().is_empty());
    stdin.write_all(b"x").await.unwrap();
    // Every other task gets its turns; one that is frozen uses none.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let mut byte = [0];
    let nothing = futures::poll!(std::pin::pin!(started.stdout.read(&mut byte)));
    assert!(nothing.is_pending());
    runtime.resume(&started.id).await.unwrap();
    tokio::time::timeout(PATIENCE, started.stdout.read_exact(&mut byte))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&byte, b"x");
}

#[tokio::test]
async fn a_killed_sandbox_in_memory_is_gone_and_its_runner_hears_it() {
    let runtime = MemoryRuntime::new(echoing(), "here");
    let started = runtime.start(&spec("main", 1)).await.unwrap();
    runtime.pause(&started.id).await.unwrap();
    runtime.kill(&started.id).await.unwrap();
    runtime.kill(&started.id).await.unwrap();
    assert_eq!(
        tokio::time::timeout(PATIENCE, started.exit).await.unwrap().code,
        EXIT_KILLED
    );
    assert_eq!(runtime.list().await.unwrap(), []);
    runtime.pause(&started.id).await.unwrap();
    assert!(matches!(runtime.resume(&started.id).await, Err(RuntimeError::Gone(_))));
}

#[tokio::test]
async fn sandboxes_in_memory_outlive_their_runner_and_other_installs_leave_them_alone() {
    let engine = echoing();
    let started = MemoryRuntime::new(engine.clone(), "here")
        .start(&spec("main", 1))
        .await
        .unwrap();
    let other = MemoryRuntime::new(engine.clone(), "there");
    assert_eq!(other.list().await.unwrap(), []);
    assert!(matches!(other.kill(&started.id).await, Err(RuntimeError::Refused(_))));
    let restarted = MemoryRuntime::new(engine, "here");
    assert_eq!(restarted.list().await.unwrap()[0].id, started.id);
}

#[tokio::test]
async fn faults_of_the_memory_engine_are_those_of_a_real_one() {
    let engine = echoing();
    let runtime = MemoryRuntime::new(engine.clone(), "here");
    engine.set_fault(Some(Fault::Unreachable));
    let down = runtime.start(&spec("main", 1)).await.unwrap_err();
    assert!(down.is_transient() && matches!(down, RuntimeError::Unreachable { .. }));
    engine.set_fault(Some(Fault::StartFails("no space".to_owned())));
    assert!(matches!(
        runtime.start(&spec("main", 1)).await,
        Err(RuntimeError::Failed { .. })
    ));
    engine.set_fault(Some(Fault::StartAnswerLost));
    assert!(runtime.start(&spec("main", 1)).await.is_err());
    assert_eq!(
        runtime.list().await.unwrap().len(),
        1,
        "it runs although the caller does not know"
    );
    engine.set_fault(None);
    let again = runtime.start(&spec("main", 1)).await.unwrap();
    let found = runtime.list().await.unwrap();
    assert_eq!((found.len(), &found[0].id), (1, &again.id), "the lost one gave way");
    let mut unknown = spec("main", 2);
    unknown.image = "other".to_owned();
    assert!(matches!(
        runtime.start(&unknown).await,
        Err(RuntimeError::NoSuchImage { .. })
    ));
}

#[tokio::test]
async fn a_program_that_ends_by_memory_says_so() {
    let engine = MemoryEngine::new();
    let go = Arc::new(Notify::new());
    let waits = go.clone();
    let hungry = program(move |_, _| {
        let waits = waits.clone();
        async move {
            waits.notified().await;
            Exit {
                code: EXIT_KILLED,
                oom_killed: true,
            }
        }
    });
    let info = ImageInfo {
        id: "i".to_owned(),
        contract: Contract::Own,
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        env: Vec::new(),
        working_dir: None,
    };
    engine.add_image("image", info, hungry);
    let runtime = MemoryRuntime::new(engine, "here");
    let started = runtime.start(&spec("main", 1)).await.unwrap();
    go.notify_one();
    assert_eq!(
        started.exit.await,
        Exit {
            code: EXIT_KILLED,
            oom_killed: true
        }
    );
}
