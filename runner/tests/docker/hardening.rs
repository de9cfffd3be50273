//! What an agent finds when it looks around in its sandbox.

use runner::sandbox::{Mount, Network, RuntimeError, SandboxRuntime};

use crate::engine::with_engine;

#[tokio::test]
async fn a_sandbox_has_no_capabilities_no_new_privileges_and_a_seccomp_filter() {
    with_engine(|bench| async move {
        let status = bench.say("cat /proc/self/status; id").await;
        for line in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert!(status.contains(&format!("{line}:\t0000000000000000")), "{status}");
        }
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("Seccomp:\t2"), "{status}");
        assert!(status.contains("uid=1000 gid=1000"), "{status}");
    })
    .await;
}

#[tokio::test]
async fn the_root_is_read_only_and_only_tmp_and_home_can_be_written() {
    with_engine(|bench| async move {
        let said = bench
            .say("touch /x; touch /bin/x; touch /tmp/x && echo tmp; touch /home/node/x && echo home")
            .await;
        assert_eq!(said.matches("Read-only file system").count(), 2, "{said}");
        assert!(said.contains("tmp\nhome\n"), "{said}");
        let flags = bench.say("grep -E ' /(tmp|home/node) ' /proc/mounts").await;
        assert_eq!(flags.matches("nosuid,nodev").count(), 2, "{flags}");
        let full = bench.say("dd if=/dev/zero of=/tmp/big bs=1M count=9").await;
        assert!(full.contains("No space left"), "{full}");
    })
    .await;
}

#[tokio::test]
async fn a_sandbox_has_loopback_and_no_other_network() {
    with_engine(|bench| async move {
        let said = bench
            .say("ls /sys/class/net; ip route get 192.0.2.1; ip route get 172.17.0.1")
            .await;
        assert!(said.starts_with("lo\n"), "{said}");
        assert_eq!(said.matches("Network is unreachable").count(), 2, "{said}");
    })
    .await;
}

#[tokio::test]
async fn processes_are_limited_in_number() {
    with_engine(|bench| async move {
        let said = bench
            .say("i=0; while [ $i -lt 60 ]; do sleep 20 & i=$((i+1)); done; echo done")
            .await;
        assert!(said.contains("can't fork"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn too_much_memory_ends_the_sandbox_and_says_so() {
    with_engine(|bench| async move {
        // The shell doubles a variable until it no longer fits; swap is off.
        let ended = bench
            .run(&bench.spec("hungry", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"))
            .await;
        assert_eq!((ended.exit.code, ended.exit.oom_killed), (137, true));
        let fed = bench.run(&bench.spec("fed", "exit 0")).await;
        assert_eq!((fed.exit.code, fed.exit.oom_killed), (0, false));
    })
    .await;
}

#[tokio::test]
async fn mounts_keep_their_rights_whatever_their_names_say_cr_d10() {
    with_engine(|bench| async move {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().canonicalize().unwrap();
        let (odd, plain) = (root.join("a:b:rw, c"), root.join("plain"));
        for dir in [&odd, &plain] {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join("file"), "text\n").unwrap();
            std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        }
        let mut spec = bench.spec("mounts", "cat /in/file; touch /in/new; touch /out/new && echo written");
        spec.mounts = vec![
            Mount {
                source: odd.clone(),
                target: "/in".to_owned(),
                read_only: true,
            },
            Mount {
                source: plain.clone(),
                target: "/out".to_owned(),
                read_only: false,
            },
        ];
        let ended = bench.run(&spec).await;
        assert_eq!(ended.stdout, "text\nwritten\n");
        assert!(ended.stderr.contains("Read-only file system"), "{}", ended.stderr);
        assert!(plain.join("new").exists() && !odd.join("new").exists());
    })
    .await;
}

#[tokio::test]
async fn what_would_open_the_sandbox_is_refused_before_the_engine_hears_of_it() {
    with_engine(|bench| async move {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().canonicalize().unwrap();
        std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
        let mount = |source: &str, target: &str| Mount {
            source: source.into(),
            target: target.to_owned(),
            read_only: true,
        };
        let link = root.join("link");
        let cases = [
            mount("/", "/host"), // holds the engine's socket
            mount(link.to_str().unwrap(), "/etc2"),
            mount("/does/not/exist", "/x"),
            mount("/dev/zero", "/zero"),
            mount(root.to_str().unwrap(), "relative"),
            mount(root.to_str().unwrap(), "/up/../etc"),
        ];
        for case in cases {
            let mut spec = bench.spec("refused", "true");
            spec.mounts = vec![case.clone()];
            let refused = bench.runtime.start(&spec).await;
            assert!(
                matches!(refused, Err(RuntimeError::Refused(_))),
                "{case:?}: {refused:?}"
            );
        }
        let mut root_user = bench.spec("refused", "true");
        root_user.uid = 0;
        assert!(matches!(
            bench.runtime.start(&root_user).await,
            Err(RuntimeError::Refused(_))
        ));
        assert_eq!(bench.runtime.list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_bridged_sandbox_knows_the_host_by_name() {
    with_engine(|bench| async move {
        let mut spec = bench.spec("bridged", "grep -c host.docker.internal /etc/hosts");
        spec.network = Network::Bridge;
        assert_eq!(bench.run(&spec).await.stdout, "1\n");
    })
    .await;
}
