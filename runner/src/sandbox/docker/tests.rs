use std::time::Duration;

use bollard::container::LogOutput;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use proto::ids::{Epoch, GroupId, Incarnation, RunnerId};
use tokio::io::AsyncReadExt;

use super::body::create_body;
use super::streams::split;
use crate::sandbox::{Limits, Mount, Network, SandboxLabels, SandboxSpec, Tier};

const PATIENCE: Duration = Duration::from_secs(10);

fn out(bytes: impl Into<bytes::Bytes>) -> Result<LogOutput, bollard::errors::Error> {
    Ok(LogOutput::StdOut { message: bytes.into() })
}

fn err(bytes: impl Into<bytes::Bytes>) -> Result<LogOutput, bollard::errors::Error> {
    Ok(LogOutput::StdErr { message: bytes.into() })
}

#[tokio::test]
async fn each_reader_gets_its_own_bytes_whoever_reads_first() {
    let frames = vec![err("e1"), out("o1"), err("e2"), out("o2")];
    let (mut output, mut diagnostics) = split(futures::stream::iter(frames).boxed());
    let (mut said, mut noted) = (String::new(), String::new());
    diagnostics.read_to_string(&mut noted).await.unwrap();
    output.read_to_string(&mut said).await.unwrap();
    assert_eq!((said.as_str(), noted.as_str()), ("o1o2", "e1e2"));
}

#[tokio::test]
async fn two_tasks_reading_at_once_both_wake_up() {
    let (mut frames, attached) = mpsc::channel(0);
    let (mut output, mut diagnostics) = split(attached.boxed());
    let write = async move {
        for _ in 0..500 {
            frames.send(out("o")).await.unwrap();
            frames.send(err("e")).await.unwrap();
        }
    };
    let (mut said, mut noted) = (Vec::new(), Vec::new());
    let all = async {
        tokio::join!(
            write,
            output.read_to_end(&mut said),
            diagnostics.read_to_end(&mut noted)
        )
    };
    let ((), output_read, diagnostics_read) = tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert_eq!((output_read.unwrap(), diagnostics_read.unwrap()), (500, 500));
}

#[tokio::test]
async fn output_waits_for_its_reader_and_is_never_dropped() {
    let chunk = vec![b'o'; 64 * 1024];
    let frames: Vec<_> = (0..40).map(|_| out(chunk.clone())).chain([err("end")]).collect();
    let (mut output, mut diagnostics) = split(futures::stream::iter(frames).boxed());
    let (mut said, mut noted) = (Vec::new(), String::new());
    assert!(futures::poll!(std::pin::pin!(diagnostics.read_to_string(&mut noted))).is_pending());
    let both = async { tokio::join!(output.read_to_end(&mut said), diagnostics.read_to_string(&mut noted)) };
    tokio::time::timeout(PATIENCE, both).await.unwrap().1.unwrap();
    assert_eq!((said.len(), noted.as_str()), (40 * chunk.len(), "end"));
}

#[tokio::test]
async fn a_reader_that_is_gone_holds_nobody_up() {
    let frames: Vec<_> = (0..40)
        .map(|_| out(vec![b'o'; 64 * 1024]))
        .chain([err("end")])
        .collect();
    let (output, mut diagnostics) = split(futures::stream::iter(frames).boxed());
    let mut noted = String::new();
    let mut read = Box::pin(diagnostics.read_to_string(&mut noted));
    assert!(futures::poll!(&mut read).is_pending());
    drop(output);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(noted, "end");
}

#[tokio::test]
async fn a_broken_stream_is_an_error_and_then_the_end() {
    let broken = Err(bollard::errors::Error::RequestTimeoutError);
    let (mut output, mut diagnostics) = split(futures::stream::iter(vec![out("half"), broken]).boxed());
    let mut said = Vec::new();
    assert!(output.read_to_end(&mut said).await.is_err());
    assert_eq!(said, b"half");
    assert_eq!(diagnostics.read(&mut [0; 8]).await.unwrap(), 0);
}

#[test]
fn every_container_is_hardened_and_nothing_in_a_path_is_an_option() {
    let labels = SandboxLabels {
        install: "i".to_owned(),
        runner: RunnerId::new("r"),
        incarnation: Incarnation(1),
        group: GroupId::parse("g").unwrap(),
        epoch: Epoch(1),
    };
    let body = create_body(&SandboxSpec {
        name: labels.sandbox_name(),
        labels,
        image: "image".to_owned(),
        entrypoint: None,
        env: Vec::new(),
        mounts: vec![Mount {
            source: "/a:b:rw".into(),
            target: "/c".to_owned(),
            read_only: true,
        }],
        uid: 1000,
        limits: Limits {
            memory_bytes: 5,
            cpus: 0.5,
            pids: 6,
            tmpfs_bytes: 7,
        },
        tier: Tier::Gvisor,
        network: Network::None,
        interactive: false,
    });
    let host = body.host_config.unwrap();
    assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    assert_eq!(host.security_opt.unwrap(), ["no-new-privileges:true"]);
    assert_eq!(
        (host.readonly_rootfs, host.privileged, host.init),
        (Some(true), Some(false), Some(true))
    );
    assert_eq!(
        (host.memory, host.memory_swap, host.pids_limit),
        (Some(5), Some(5), Some(6))
    );
    assert_eq!((host.cpu_quota, host.cpu_period), (Some(50_000), Some(100_000)));
    assert_eq!(
        (host.network_mode.as_deref(), host.runtime.as_deref()),
        (Some("none"), Some("runsc"))
    );
    assert_eq!((host.binds, host.cap_add, host.devices), (None, None, None));
    let mount = &host.mounts.unwrap()[0];
    assert_eq!(
        (mount.source.as_deref(), mount.target.as_deref(), mount.read_only),
        (Some("/a:b:rw"), Some("/c"), Some(true))
    );
    assert_eq!(
        (body.user.as_deref(), body.open_stdin),
        (Some("1000:1000"), Some(false))
    );
}
