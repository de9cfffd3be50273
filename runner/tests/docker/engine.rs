//! The real engine the tests need, and a tiny image made on it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::{FutureExt, StreamExt};
use proto::ids::{Epoch, GroupId, Incarnation, RunnerId};
use runner::sandbox::docker::DockerRuntime;
use runner::sandbox::{Exit, Limits, Network, SandboxLabels, SandboxRuntime, SandboxSpec, Started, Tier};
use tokio::io::AsyncReadExt;

/// Longest wait for anything that happens in a sandbox.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const BUSYBOX: &str = "/bin/busybox";
/// Its version changes with what [`tar_with_busybox`] puts in.
pub(crate) const IMAGE: &str = "clawhold-test-sandbox:1";

/// The runtime under test, its raw engine beside it, and the install all its sandboxes carry.
pub(crate) struct Bench {
    pub(crate) runtime: DockerRuntime,
    pub(crate) docker: Docker,
    pub(crate) install: String,
}

/// Runs a test on the engine and removes all its sandboxes, also when it fails.
pub(crate) async fn with_engine<Test, Running>(test: Test)
where
    Test: FnOnce(Arc<Bench>) -> Running,
    Running: Future<Output = ()>,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find the engine as the docker command does"
    )]
    let engine = std::env::var("DOCKER_HOST").ok();
    let docker = connect(engine.as_deref()).await;
    make_image(&docker).await;
    #[expect(clippy::disallowed_methods, reason = "tests that run at the same time must not meet")]
    let install = format!("test-{}", uuid::Uuid::now_v7().simple());
    let bench = Arc::new(Bench {
        runtime: DockerRuntime::new(engine, install.as_str()),
        docker,
        install,
    });
    let outcome = AssertUnwindSafe(test(bench.clone())).catch_unwind().await;
    for found in bench.runtime.list().await.unwrap() {
        bench.runtime.kill(&found.id).await.unwrap();
    }
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

async fn connect(engine: Option<&str>) -> Docker {
    let socket = engine.unwrap_or("unix:///var/run/docker.sock");
    let connected = async {
        let docker = Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION)?;
        docker.negotiate_version().await
    };
    connected.await.unwrap_or_else(|error| {
        panic!("these tests need a running Docker Engine at {socket} (set DOCKER_HOST to another one): {error}")
    })
}

/// Imports busybox as an image unless the engine has it: each test may be a process of its own.
async fn make_image(docker: &Docker) {
    if docker.inspect_image(IMAGE).await.is_ok() {
        return;
    }
    let options = CreateImageOptionsBuilder::default().from_src("-").repo(IMAGE).build();
    let body = bollard::body_full(tar_with_busybox().into());
    let mut progress = std::pin::pin!(docker.create_image(Some(options), Some(body), None));
    while let Some(step) = progress.next().await {
        step.expect("the engine imports the test image");
    }
}

fn tar_with_busybox() -> Vec<u8> {
    let busybox = std::fs::read(Path::new(BUSYBOX))
        .unwrap_or_else(|error| panic!("these tests need {BUSYBOX}, from Debian's package busybox-static: {error}"));
    let mut tar = tar::Builder::new(Vec::new());
    for dir in ["bin", "tmp", "home", "home/node", "etc", "proc", "sys", "dev"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        tar.append_data(&mut header, format!("{dir}/"), std::io::empty())
            .unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(busybox.len() as u64);
    tar.append_data(&mut header, "bin/busybox", busybox.as_slice()).unwrap();
    for applet in [
        "sh", "cat", "sleep", "grep", "id", "head", "tail", "dd", "wget", "mount", "touch", "wc", "ls", "nc", "tr",
        "ip",
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")
            .unwrap();
    }
    tar.into_inner().unwrap()
}

/// How a sandbox ended and what it said.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    /// A sandbox of group `group` that runs a shell script.
    pub(crate) fn spec(&self, group: &str, script: &str) -> SandboxSpec {
        let labels = SandboxLabels {
            install: self.install.clone(),
            runner: RunnerId::new("local"),
            incarnation: Incarnation(3),
            group: GroupId::parse(group).unwrap(),
            epoch: Epoch(7),
        };
        SandboxSpec {
            name: labels.sandbox_name(),
            labels,
            image: IMAGE.to_owned(),
            entrypoint: Some(["/bin/sh", "-c", script].map(str::to_owned).to_vec()),
            env: vec![("GREETING".to_owned(), "hello = world".to_owned())],
            mounts: Vec::new(),
            uid: 1000,
            limits: Limits {
                memory_bytes: 64 << 20,
                cpus: 1.0,
                pids: 32,
                tmpfs_bytes: 8 << 20,
            },
            tier: Tier::Container,
            network: Network::None,
            interactive: false,
        }
    }

    pub(crate) async fn start(&self, spec: &SandboxSpec) -> Started {
        tokio::time::timeout(PATIENCE, self.runtime.start(spec))
            .await
            .expect("starts in time")
            .expect("starts")
    }

    /// Runs a sandbox to its end.
    pub(crate) async fn run(&self, spec: &SandboxSpec) -> Ended {
        finish(self.start(spec).await).await
    }

    /// Runs a script to its end and returns what it said, stderr included.
    pub(crate) async fn say(&self, script: &str) -> String {
        let ended = self.run(&self.spec("probe", script)).await;
        format!("{}{}", ended.stdout, ended.stderr)
    }
}

/// Reads a started sandbox to its end.
pub(crate) async fn finish(mut started: Started) -> Ended {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let all = async {
        let (out, err) = tokio::join!(
            started.stdout.read_to_end(&mut stdout),
            started.stderr.read_to_end(&mut stderr)
        );
        out.expect("output is readable");
        err.expect("diagnostics are readable");
        started.exit.await
    };
    let exit = tokio::time::timeout(PATIENCE, all)
        .await
        .expect("the sandbox ends in time");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        exit,
        stdout: text(stdout),
        stderr: text(stderr),
    }
}
