//! A sandbox from start to end: streams, exit codes, killing, freezing, finding.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
};
use runner::sandbox::docker::DockerRuntime;
use runner::sandbox::{Contract, RuntimeError, SandboxId, SandboxRuntime, SandboxState, Tier, label};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::engine::{IMAGE, PATIENCE, finish, with_engine};

#[tokio::test]
async fn output_and_diagnostics_come_apart_with_the_exit_code() {
    with_engine(|bench| async move {
        let ended = bench
            .run(&bench.spec("main", "echo out; echo err >&2; echo \"$GREETING\"; exit 42"))
            .await;
        assert_eq!(ended.stdout, "out\nhello = world\n");
        assert_eq!(ended.stderr, "err\n");
        assert_eq!((ended.exit.code, ended.exit.oom_killed), (42, false));
    })
    .await;
}

#[tokio::test]
async fn input_reaches_the_agent_and_its_end_too() {
    with_engine(|bench| async move {
        let mut spec = bench.spec("main", "cat; echo end");
        spec.interactive = true;
        let mut started = bench.start(&spec).await;
        let mut stdin = started.stdin.take().unwrap();
        let text = "grüße\n".repeat(20_000);
        let written = text.clone();
        let write = async move {
            stdin.write_all(written.as_bytes()).await.unwrap();
            stdin.shutdown().await.unwrap();
            stdin
        };
        let (_stdin, ended) = tokio::join!(write, finish(started));
        assert_eq!(ended.stdout, text + "end\n");
        assert_eq!(ended.exit.code, 0);
    })
    .await;
}

#[tokio::test]
async fn the_agent_reads_an_end_of_file_when_its_runner_is_gone() {
    with_engine(|bench| async move {
        let mut spec = bench.spec("main", "cat > /dev/null; exit 5");
        spec.interactive = true;
        // All of the connection goes, as when this process dies; only the engine's word on the exit is kept.
        let exit = bench.start(&spec).await.exit;
        assert_eq!(tokio::time::timeout(PATIENCE, exit).await.unwrap().code, 5);
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_floods_diagnostics_is_not_held_up_by_a_reader_that_is_away() {
    with_engine(|bench| async move {
        let flood = "dd if=/dev/zero bs=64k count=64 2>/dev/null | tr '\\0' e >&2; echo answered";
        let mut started = bench.start(&bench.spec("main", flood)).await;
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, started.stdout.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer, "answered\n");
        let mut kept = String::new();
        started.stderr.read_to_string(&mut kept).await.unwrap();
        assert!(
            kept.len() < 2 << 20 && kept.contains("bytes dropped here"),
            "{} bytes",
            kept.len()
        );
    })
    .await;
}

#[tokio::test]
async fn killing_is_immediate_removes_and_may_be_repeated() {
    with_engine(|bench| async move {
        let started = bench.start(&bench.spec("main", "sleep 600")).await;
        let id = started.id.clone();
        let (exit, killed) = tokio::join!(tokio::time::timeout(PATIENCE, started.exit), bench.runtime.kill(&id));
        killed.unwrap();
        assert_eq!(exit.unwrap().code, 137);
        bench.runtime.kill(&id).await.unwrap();
        assert_eq!(bench.runtime.list().await.unwrap(), []);
        bench.runtime.pause(&id).await.unwrap();
        assert!(matches!(bench.runtime.resume(&id).await, Err(RuntimeError::Gone(_))));
    })
    .await;
}

#[tokio::test]
async fn a_paused_sandbox_stands_still_goes_on_and_can_be_killed() {
    with_engine(|bench| async move {
        let mut spec = bench.spec("main", "while read line; do echo \"$line\"; done");
        spec.interactive = true;
        let mut started = bench.start(&spec).await;
        let mut stdin = started.stdin.take().unwrap();
        let state = || async { bench.runtime.list().await.unwrap()[0].state };

        bench.runtime.pause(&started.id).await.unwrap();
        bench.runtime.pause(&started.id).await.unwrap();
        assert_eq!(state().await, SandboxState::Paused);
        bench.runtime.resume(&started.id).await.unwrap();
        bench.runtime.resume(&started.id).await.unwrap();
        assert_eq!(state().await, SandboxState::Running);

        stdin.write_all(b"alive\n").await.unwrap();
        let mut line = [0; 6];
        tokio::time::timeout(PATIENCE, started.stdout.read_exact(&mut line))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&line, b"alive\n");

        bench.runtime.pause(&started.id).await.unwrap();
        bench.runtime.kill(&started.id).await.unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, started.exit).await.unwrap().code, 137);
    })
    .await;
}

#[tokio::test]
async fn sandboxes_are_found_by_label_also_when_they_have_ended() {
    with_engine(|bench| async move {
        let (ended, running) = (bench.spec("ended", "exit 3"), bench.spec("running", "sleep 600"));
        bench.run(&ended).await;
        let _running = bench.start(&running).await;
        let mut found = bench.runtime.list().await.unwrap();
        found.sort_by_key(|found| found.labels.group.clone());
        assert_eq!(
            found.iter().map(|found| found.labels.clone()).collect::<Vec<_>>(),
            [ended.labels, running.labels]
        );
        assert_eq!(
            found.iter().map(|found| found.state).collect::<Vec<_>>(),
            [SandboxState::Exited, SandboxState::Running]
        );
    })
    .await;
}

#[tokio::test]
async fn other_installs_and_other_containers_are_neither_listed_nor_touched_cr_d1() {
    with_engine(|bench| async move {
        let started = bench.start(&bench.spec("main", "sleep 600")).await;
        let name = format!("clawhold-{}-lookalike", bench.install);
        let body = ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            cmd: Some(vec!["/bin/sleep".to_owned(), "600".to_owned()]),
            labels: Some(HashMap::from([(label::INSTALL.to_owned(), "somebody-else".to_owned())])),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let other = bench.docker.create_container(Some(options), body).await.unwrap().id;

        let stranger = DockerRuntime::new(bench_engine(), format!("{}-b", bench.install));
        let touched = (
            stranger.list().await,
            stranger.kill(&started.id).await,
            stranger.pause(&started.id).await,
        );
        let killed_other = bench.runtime.kill(&SandboxId::new(other.as_str())).await;
        let survives = bench
            .docker
            .inspect_container(&other, None::<InspectContainerOptions>)
            .await
            .is_ok();
        let force = RemoveContainerOptionsBuilder::default().force(true).build();
        bench.docker.remove_container(&other, Some(force)).await.unwrap();

        assert_eq!(touched.0.unwrap(), []);
        assert!(
            matches!(touched.1, Err(RuntimeError::Refused(_))) && matches!(touched.2, Err(RuntimeError::Refused(_)))
        );
        assert!(matches!(killed_other, Err(RuntimeError::Refused(_))) && survives);
        assert_eq!(bench.runtime.list().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn starting_again_under_one_claim_replaces_what_the_first_try_left() {
    with_engine(|bench| async move {
        let spec = bench.spec("main", "sleep 600");
        let first = bench.start(&spec).await;
        let second = bench.start(&spec).await;
        assert_eq!(tokio::time::timeout(PATIENCE, first.exit).await.unwrap().code, 137);
        let found = bench.runtime.list().await.unwrap();
        assert_eq!(found.iter().map(|found| &found.id).collect::<Vec<_>>(), [&second.id]);
    })
    .await;
}

#[tokio::test]
async fn failures_to_start_are_told_apart_and_leave_nothing() {
    with_engine(|bench| async move {
        let mut missing = bench.spec("main", "true");
        missing.image = "clawhold-no-such-image:0".to_owned();
        assert!(matches!(
            bench.runtime.start(&missing).await,
            Err(RuntimeError::NoSuchImage { .. })
        ));
        let unknown = bench.runtime.image(&missing.image).await.unwrap_err();
        assert!(unknown.to_string().contains("clawhold image build"), "{unknown}");

        let mut no_program = bench.spec("main", "true");
        no_program.entrypoint = Some(vec!["/no/such/program".to_owned()]);
        let ended = bench.run(&no_program).await;
        assert!(
            ended.exit.code == 127 && ended.stderr.contains("/no/such/program"),
            "{}",
            ended.stderr
        );

        let mut no_tier = bench.spec("tier", "true");
        no_tier.tier = Tier::Microvm;
        assert!(matches!(
            bench.runtime.start(&no_tier).await,
            Err(RuntimeError::Refused(_))
        ));

        let nowhere = DockerRuntime::new(Some("unix:///nonexistent/docker.sock".to_owned()), "x");
        assert!(matches!(nowhere.probe().await, Err(RuntimeError::Unreachable { .. })));
        let far = DockerRuntime::new(Some("tcp://127.0.0.1:2375".to_owned()), "x");
        assert!(matches!(far.probe().await, Err(RuntimeError::Refused(_))));
        let left: Vec<_> = bench
            .runtime
            .list()
            .await
            .unwrap()
            .into_iter()
            .map(|found| found.labels.group.to_string())
            .collect();
        assert_eq!(left, ["main"], "only the one that ran");
    })
    .await;
}

#[tokio::test]
async fn an_image_says_which_contract_it_speaks() {
    with_engine(|bench| async move {
        let image = bench.runtime.image(IMAGE).await.unwrap();
        assert_eq!(image.contract, Contract::NanoClaw);
        assert!(image.id.starts_with("sha256:"));
        assert_eq!(bench.runtime.probe().await.unwrap().engine, "docker");
    })
    .await;
}

fn bench_engine() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find the engine as the docker command does"
    )]
    std::env::var("DOCKER_HOST").ok()
}
