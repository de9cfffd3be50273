//! A group's directories as its sandbox sees them: the whole way from an empty data directory to a started container.

use proto::group::{AdditionalMount, Group, GroupSettings};
use proto::ids::{Epoch, GroupId};
use proto::time::Timestamp;
use runner::config;
use runner::mailbox::{Layout, RunDirs};
use runner::mounts::Policy;
use runner::sandbox::{SandboxRuntime, SandboxSpec};
use runner::workspace::{
    Folders, Owner, ProxyRoute, RunMounts, Skill, SpecParts, build_spec, effective_uid, write_view,
};

use crate::engine::{Bench, IMAGE, with_engine};

struct Installation {
    dir: tempfile::TempDir,
    folders: Folders,
    runs: RunDirs,
}

fn install() -> Installation {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let owner = Owner::new(effective_uid(1000));
    let folders = Folders::open(&data, owner).unwrap();
    let runs = RunDirs::open(folders.data_dir(), owner.uid()).unwrap();
    std::fs::create_dir_all(dir.path().join("projects/app")).unwrap();
    std::fs::write(dir.path().join("projects/app/.env"), "KEY=secret\n").unwrap();
    std::fs::write(dir.path().join("projects/app/code"), "code\n").unwrap();
    std::fs::write(
        dir.path().join("allow.json"),
        r#"{"allowedRoots": [{"path": "~/projects", "allowReadWrite": true}], "blockedPatterns": [], "nonMainReadOnly": true}"#,
    )
    .unwrap();
    Installation { dir, folders, runs }
}

impl Installation {
    /// The specification of a group's sandbox, with a shell script in the place of the agent.
    async fn spec(&self, bench: &Bench, id: &str, script: &str) -> SandboxSpec {
        let mount = AdditionalMount {
            host_path: "~/projects/app".to_owned(),
            container_path: None,
            readonly: Some(false),
        };
        let group = Group {
            id: GroupId::parse(id).unwrap(),
            name: id.to_owned(),
            is_main: id == "main",
            settings: GroupSettings {
                additional_mounts: vec![mount],
                ..GroupSettings::default()
            },
            created_at: Timestamp::from_millis(0),
        };
        let home = self.dir.path().canonicalize().unwrap();
        let policy = Policy {
            allowlist: home.join("allow.json"),
            home: Some(home),
            installation: vec![self.folders.data_dir().to_owned()],
            shadows: self.folders.shadows(),
        };
        let extra = policy.check(&group.settings.additional_mounts, group.is_main);
        assert!(extra.refused.is_empty(), "{:?}", extra.refused);
        write_view(&self.folders, "Andy", std::slice::from_ref(&group), &[]).unwrap();
        let run = self.runs.create(&group.id, Epoch(7), Layout::NanoClaw).unwrap();
        let mut spec = build_spec(SpecParts {
            labels: bench.spec(id, "").labels,
            group: &group,
            image: &bench.runtime.image(IMAGE).await.unwrap(),
            sandbox: &config::Sandbox::default(),
            timezone: "UTC",
            token: "token",
            proxy: ProxyRoute::Socket,
            folders: &self.folders,
            group_folders: &self.folders.prepare(&group, "Andy", &Skill::bundled()).unwrap(),
            run: &RunMounts::of(&run).unwrap(),
            extra_mounts: extra.mounts,
        });
        spec.entrypoint = Some(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
        spec.interactive = false;
        spec
    }
}

#[tokio::test]
async fn a_group_writes_what_is_its_own_and_reads_what_it_was_given() {
    with_engine(|bench| async move {
        let installation = install();
        let script = "cd /workspace/group && touch new /home/node/.claude/new /workspace/ipc/messages/new && echo own; \
                      cat /workspace/extra/app/.env /workspace/extra/app/code; touch /workspace/extra/app/new; \
                      ls /home/node/.claude/skills; head -c 2 CLAUDE.md; ls /workspace; ls /clawhold; touch /clawhold/in/new";
        let ended = bench.run(&installation.spec(&bench, "team", script).await).await;
        assert_eq!(ended.stdout, "own\ncode\nclawhold\n# extra\ngroup\nipc\nforwarder.mjs\nin\n", "{}", ended.stderr);
        assert_eq!(ended.stderr.matches("Read-only file system").count(), 2, "{}", ended.stderr);
        assert!(!ended.stderr.contains("denied"), "{}", ended.stderr);
    })
    .await;
}

#[tokio::test]
async fn main_sees_the_installation_without_secrets_databases_or_sessions_cr_d7() {
    with_engine(|bench| async move {
        let installation = install();
        std::fs::write(installation.folders.data_dir().join("clawhold.db"), "rows").unwrap();
        let script = "ls -a /workspace/project; touch /workspace/project/x";
        let ended = bench.run(&installation.spec(&bench, "main", script).await).await;
        assert_eq!(ended.stdout, ".\n..\nREADME.md\ngroups.json\n", "{}", ended.stderr);
        assert!(ended.stderr.contains("Read-only file system"), "{}", ended.stderr);
    })
    .await;
}
