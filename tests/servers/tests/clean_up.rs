//! Nothing outlives a test, however it ends.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use servers::{Disk, Nats, PgBouncer, Postgres, Version};

/// Set in the process that is to be killed: where it writes the addresses of its servers.
const VICTIM: &str = "SERVERS_TEST_VICTIM";
const PATIENCE: Duration = Duration::from_secs(60);
/// Room for a Postgres.
const DISK_BYTES: u64 = 64 * 1024 * 1024;

async fn serve_until_killed(report: &Path) {
    let postgres = Postgres::start().await;
    let bouncer = PgBouncer::start(&postgres).await;
    let frozen = Postgres::options().disk(DISK_BYTES).start().await;
    let nats = Nats::start(Version::V2_15).await;
    frozen.freeze();
    let _unused = Disk::new(DISK_BYTES);
    let addresses = [postgres.addr(), bouncer.addr(), frozen.addr(), nats.addr()].map(|address| address.to_string());
    let unfinished = report.with_extension("unfinished");
    fs::write(&unfinished, addresses.join("\n")).unwrap();
    fs::rename(unfinished, report).unwrap();
    std::future::pending().await
}

fn wait_for(what: &str, mut predicate: impl FnMut() -> bool) {
    let started = Instant::now();
    while !predicate() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[tokio::test]
async fn servers_die_with_a_test_that_is_killed() {
    if let Some(report) = std::env::var_os(VICTIM) {
        return serve_until_killed(Path::new(&report)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report");
    // The servers are not root, and find their files here.
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let files = directory.path().join("files");
    fs::create_dir(&files).unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_die_with_a_test_that_is_killed"])
        .env(VICTIM, &report)
        .env("TMPDIR", &files)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the servers run", || report.exists());
    let addresses = fs::read_to_string(&report).unwrap();
    let addresses: Vec<SocketAddr> = addresses.lines().map(|line| line.parse().unwrap()).collect();
    let mounted = || {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        mounts
            .lines()
            .filter(|line| line.contains(files.to_str().unwrap()))
            .count()
    };
    assert_eq!((addresses.len(), entries(&files), mounted()), (4, 6, 2));
    assert!(addresses.iter().all(|address| TcpStream::connect(address).is_ok()));
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_for("the servers are gone", || {
        addresses.iter().all(|address| TcpStream::connect(address).is_err())
    });
    wait_for("their files and disks are gone", || entries(&files) == 0);
    assert_eq!(mounted(), 0);
}

#[tokio::test]
async fn a_dropped_server_is_gone_at_once() {
    let postgres = Postgres::start().await;
    let nats = Nats::start(Version::V2_10).await;
    let addresses = [postgres.addr(), nats.addr()];
    postgres.freeze();
    nats.freeze();
    drop((postgres, nats));
    assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
}
