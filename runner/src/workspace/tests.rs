use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proto::group::{Chat, Group, GroupSettings};
use proto::ids::{ChatId, Epoch, GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;

use super::*;
use crate::config;
use crate::sandbox::{Contract, ImageInfo, Mount, Network, SandboxLabels, SandboxSpec};

struct Home {
    data: PathBuf,
    folders: Folders,
    _dir: tempfile::TempDir,
}

fn home() -> Home {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().canonicalize().unwrap().join("data");
    let folders = Folders::open(&data, Owner::new(effective_uid(1000))).unwrap();
    Home {
        data,
        folders,
        _dir: dir,
    }
}

fn group(id: &str) -> Group {
    Group {
        id: GroupId::parse(id).unwrap(),
        name: format!("Name of {id}\n# injected"),
        is_main: id == "main",
        settings: GroupSettings {
            trigger: Some("@x".to_owned()),
            ..GroupSettings::default()
        },
        created_at: Timestamp::from_millis(0),
    }
}

fn skill(name: &str, files: &[(&str, &str)]) -> Skill {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    Skill {
        name: name.to_owned(),
        files,
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_group_gets_its_directories_owned_by_the_sandboxs_user() {
    let home = home();
    let made = home.folders.prepare(&group("team"), "Andy", &[]).unwrap();
    assert_eq!(made.workspace, home.data.join("groups/team"));
    assert_eq!(made.claude, home.data.join("sessions/team/.claude"));
    assert_eq!(made.global, None);
    for path in [
        &made.workspace,
        &made.claude,
        &made.workspace.join("CLAUDE.md"),
        &made.claude.join("settings.json"),
    ] {
        assert_eq!(
            path.metadata().unwrap().uid(),
            effective_uid(1000),
            "{}",
            path.display()
        );
    }
    assert!(read(made.claude.join("settings.json")).contains("CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS"));
}

#[test]
fn instructions_name_the_group_on_one_line_and_differ_for_main() {
    let home = home();
    let of = |id| {
        read(
            home.folders
                .prepare(&group(id), "Andy", &[])
                .unwrap()
                .workspace
                .join("CLAUDE.md"),
        )
    };
    let (team, main) = (of("team"), of("main"));
    assert!(team.starts_with("# Andy in Name of team# injected\n"), "{team}");
    assert!(main.contains("register_group") && !team.contains("register_group"));
}

#[test]
fn what_people_and_agents_changed_is_kept_cr_09() {
    let home = home();
    let made = home.folders.prepare(&group("team"), "Andy", &[]).unwrap();
    fs::write(made.workspace.join("CLAUDE.md"), "mine").unwrap();
    fs::write(made.claude.join("settings.json"), "{}").unwrap();
    home.folders.prepare(&group("team"), "Andy", &[]).unwrap();
    assert_eq!(
        (
            read(made.workspace.join("CLAUDE.md")),
            read(made.claude.join("settings.json"))
        ),
        ("mine".into(), "{}".into())
    );
}

#[test]
fn nothing_an_agent_plants_makes_the_host_write_elsewhere_cr_d8() {
    let home = home();
    let outside = home.data.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "precious").unwrap();
    let made = home.folders.prepare(&group("team"), "Andy", &[]).unwrap();

    fs::remove_file(made.workspace.join("CLAUDE.md")).unwrap();
    symlink(outside.join("new"), made.workspace.join("CLAUDE.md")).unwrap();
    fs::remove_file(made.claude.join("settings.json")).unwrap();
    symlink(outside.join("victim"), made.claude.join("settings.json")).unwrap();
    fs::remove_dir(made.claude.join("skills")).unwrap();
    symlink(&outside, made.claude.join("skills")).unwrap();
    home.folders
        .prepare(&group("team"), "Andy", &[skill("a", &[("SKILL.md", "text")])])
        .unwrap();

    let a = made.claude.join("skills/a");
    fs::remove_dir_all(&a).unwrap();
    fs::create_dir(&a).unwrap();
    symlink(outside.join("victim"), a.join("SKILL.md")).unwrap();
    symlink(outside.join("victim"), a.join(".SKILL.md.tmp")).unwrap();
    symlink(&outside, a.join("inner")).unwrap();
    fs::create_dir_all(a.join("dir/full")).unwrap();
    home.folders
        .prepare(
            &group("team"),
            "Andy",
            &[skill(
                "a",
                &[("SKILL.md", "text"), ("inner/x", "x"), ("dir", "file now")],
            )],
        )
        .unwrap();

    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(read(outside.join("victim")), "precious");
    assert_eq!(
        (read(a.join("SKILL.md")), read(a.join("inner/x")), read(a.join("dir"))),
        ("text".into(), "x".into(), "file now".into())
    );
    assert!(!a.join("SKILL.md").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn skills_are_renewed_removed_with_their_source_and_the_agents_own_stay_cr_d9() {
    let home = home();
    let put = |skills: &[Skill]| {
        home.folders
            .prepare(&group("team"), "Andy", skills)
            .unwrap()
            .claude
            .join("skills")
    };
    let dir = put(&[
        skill("a", &[("SKILL.md", "1"), ("lib/x.py", "x")]),
        skill("b", &[("SKILL.md", "b")]),
    ]);
    fs::create_dir(dir.join("own")).unwrap();
    fs::write(dir.join("a/SKILL.md"), "changed by the agent").unwrap();
    put(&[skill("a", &[("SKILL.md", "2")]), skill("a", &[("SKILL.md", "3")])]);
    assert_eq!(read(dir.join("a/SKILL.md")), "3", "the later one of a name counts");
    assert!(!dir.join("b").exists() && dir.join("own").exists());
}

#[test]
fn a_manifest_out_of_shape_removes_nothing_outside() {
    let home = home();
    let made = home.folders.prepare(&group("team"), "Andy", &[]).unwrap();
    fs::write(
        home.data.join("sessions/team/skills.json"),
        r#"["..", ".", "a/b", "", "/"]"#,
    )
    .unwrap();
    home.folders.prepare(&group("team"), "Andy", &[]).unwrap();
    assert!(made.claude.join("settings.json").exists() && made.workspace.exists());
}

#[test]
fn the_operators_skills_are_read_from_directories() {
    let home = home();
    fs::create_dir_all(home.folders.skills().join("deploy/lib")).unwrap();
    fs::write(home.folders.skills().join("deploy/SKILL.md"), "text").unwrap();
    fs::write(home.folders.skills().join("deploy/lib/x"), "x").unwrap();
    fs::write(home.folders.skills().join("README"), "not a skill").unwrap();
    assert_eq!(
        Skill::read_all(&home.folders.skills()).unwrap(),
        [skill("deploy", &[("SKILL.md", "text"), ("lib/x", "x")])]
    );
    assert_eq!(Skill::read_all(&home.data.join("none")).unwrap(), []);
}

#[test]
fn all_skills_of_the_repository_are_bundled() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/skills");
    assert_eq!(Skill::bundled(), Skill::read_all(&repository).unwrap());
}

#[test]
fn directories_of_nanoclaw_can_stand_behind_a_link() {
    let home = home();
    let theirs = home.data.parent().unwrap().join("nanoclaw/groups");
    fs::create_dir_all(theirs.join("family")).unwrap();
    fs::create_dir_all(theirs.join("global")).unwrap();
    fs::remove_dir(home.data.join("groups")).unwrap();
    symlink(&theirs, home.data.join("groups")).unwrap();
    let made = home.folders.prepare(&group("family"), "Andy", &[]).unwrap();
    assert_eq!(
        (made.workspace, made.global),
        (theirs.join("family"), Some(theirs.join("global")))
    );
}

#[test]
fn removing_a_group_leaves_others_and_what_the_operator_linked() {
    let home = home();
    let theirs = home.data.parent().unwrap().join("theirs");
    fs::create_dir_all(&theirs).unwrap();
    symlink(&theirs, home.data.join("groups/linked")).unwrap();
    for name in ["family", "linked", "other"] {
        home.folders.prepare(&group(name), "Andy", &[]).unwrap();
    }
    home.folders.remove(&group("family").id).unwrap();
    home.folders.remove(&group("linked").id).unwrap();
    home.folders.remove(&group("never-here").id).unwrap();
    let left = |dir: &str| {
        let names = fs::read_dir(home.data.join(dir)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    assert_eq!(left("groups"), ["linked", "other"].map(str::to_owned).into());
    assert_eq!(left("sessions"), ["other".to_owned()].into());
    assert!(theirs.join("CLAUDE.md").exists());
}

#[test]
fn mains_view_lists_groups_and_chats_and_nothing_else_cr_d7() {
    let home = home();
    fs::write(home.data.join("clawhold.db"), "rows").unwrap();
    let chat = Chat {
        id: ChatId::new("cli:main"),
        channel: "cli".to_owned(),
        account: "secret-bot-token-id".to_owned(),
        name: None,
        is_group_chat: false,
        group: None,
        last_seen_at: Timestamp::from_millis(0),
        parent: None,
    };
    for groups in [vec![group("main"), group("team")], vec![group("main")]] {
        write_view(&home.folders, "Andy", &groups, std::slice::from_ref(&chat)).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&read(home.folders.view().join("groups.json"))).unwrap();
        assert_eq!(listed["groups"].as_array().unwrap().len(), groups.len());
        assert_eq!(listed["chats"][0]["id"], "cli:main");
        assert!(!listed.to_string().contains("secret-bot-token-id"));
    }
    let mut names: Vec<_> = fs::read_dir(home.folders.view())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["README.md", "groups.json"]);
    assert_eq!(
        home.folders.view().metadata().unwrap().permissions().mode() & 0o777,
        0o755
    );
}

fn spec(home: &Home, id: &str, contract: Contract, proxy: ProxyRoute) -> SandboxSpec {
    let group = group(id);
    let group_folders = home.folders.prepare(&group, "Andy", &[]).unwrap();
    let writable = match contract {
        Contract::Own => ("/run/out".into(), proto::ipc::OUT_DIR),
        Contract::NanoClaw => ("/run/ipc".into(), proto::nanoclaw::IPC_DIR),
    };
    let image = ImageInfo {
        id: "sha256:1".to_owned(),
        contract,
        entrypoint: vec!["/app/entrypoint.sh".to_owned()],
        cmd: vec!["--x".to_owned()],
        env: Vec::new(),
        working_dir: None,
    };
    build_spec(SpecParts {
        labels: SandboxLabels {
            install: "i".to_owned(),
            runner: RunnerId::new("local"),
            incarnation: Incarnation(2),
            group: group.id.clone(),
            epoch: Epoch(9),
        },
        group: &group,
        image: &image,
        sandbox: &config::Sandbox::default(),
        timezone: "Europe/Berlin",
        token: "run-token",
        proxy,
        folders: &home.folders,
        group_folders: &group_folders,
        run: &RunMounts {
            in_dir: "/run/in".into(),
            writable,
        },
        extra_mounts: vec![Mount {
            source: "/x".into(),
            target: "/workspace/extra/x".to_owned(),
            read_only: true,
        }],
    })
}

fn seen(home: &Home, spec: &SandboxSpec) -> Vec<String> {
    let shown = |mount: &Mount| {
        let source = mount
            .source
            .to_string_lossy()
            .replace(&*home.data.to_string_lossy(), "<data>");
        format!(
            "{source} -> {} {}",
            mount.target,
            if mount.read_only { "ro" } else { "rw" }
        )
    };
    spec.mounts.iter().map(shown).collect()
}

#[test]
fn our_own_image_gets_two_mailbox_mounts_and_its_own_entrypoint() {
    let home = home();
    fs::create_dir(home.data.join("groups/global")).unwrap();
    let spec = spec(&home, "team", Contract::Own, ProxyRoute::Socket);
    assert_eq!(
        seen(&home, &spec),
        [
            "<data>/groups/team -> /workspace/group rw",
            "<data>/sessions/team/.claude -> /home/node/.claude rw",
            "/run/in -> /clawhold/in ro",
            "/run/out -> /clawhold/out rw",
            "<data>/groups/global -> /workspace/global ro",
            "/x -> /workspace/extra/x ro",
        ]
    );
    assert_eq!(
        (spec.name.as_str(), spec.entrypoint.as_ref(), spec.interactive),
        ("clawhold-i-team-i2-e9", None, false)
    );
    assert_eq!(
        (spec.network, spec.uid, spec.image.as_str()),
        (Network::None, effective_uid(1000), "sha256:1")
    );
    let env: Vec<_> = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        env,
        [
            "TZ=Europe/Berlin",
            "HOME=/home/node",
            "CLAWHOLD_IN=/clawhold/in",
            "CLAWHOLD_OUT=/clawhold/out",
            "CLAWHOLD_TOKEN=run-token"
        ]
    );
}

#[test]
fn a_nanoclaw_image_runs_its_own_command_beside_the_forwarder_cr_06() {
    let home = home();
    let spec = spec(
        &home,
        "main",
        Contract::NanoClaw,
        ProxyRoute::Tcp("host.docker.internal:4000".to_owned()),
    );
    assert_eq!(
        seen(&home, &spec),
        [
            "<data>/groups/main -> /workspace/group rw",
            "<data>/sessions/main/.claude -> /home/node/.claude rw",
            "/run/in -> /clawhold/in ro",
            "/run/ipc -> /workspace/ipc rw",
            "<data>/view -> /workspace/project ro",
            "<data>/lib/forwarder.mjs -> /clawhold/forwarder.mjs ro",
            "/x -> /workspace/extra/x ro",
        ]
    );
    let command = ["node", "/clawhold/forwarder.mjs", "--", "/app/entrypoint.sh", "--x"].map(str::to_owned);
    assert_eq!(
        (spec.entrypoint, spec.interactive, spec.network),
        (Some(command.to_vec()), true, Network::Bridge)
    );
    let value = |name: &str| {
        spec.env
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(value("ANTHROPIC_BASE_URL"), Some("http://127.0.0.1:7301"));
    assert_eq!(value("ANTHROPIC_API_KEY"), Some("run-token"));
    assert_eq!(value("CLAWHOLD_FORWARD_PORT"), Some("7301"));
    assert_eq!(value("CLAWHOLD_PROXY_ADDR"), Some("host.docker.internal:4000"));
}
