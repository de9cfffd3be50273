use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proto::group::AdditionalMount;

use super::*;
use crate::sandbox::Mount;

struct Host {
    root: PathBuf,
    policy: Policy,
    _dir: tempfile::TempDir,
}

const ALLOWLIST: &str = r#"{
    "allowedRoots": [
        {"path": "~/nowhere", "allowReadWrite": true},
        {"path": "~/projects", "allowReadWrite": true, "description": "work"},
        {"path": "~/docs", "allowReadWrite": false}
    ],
    "blockedPatterns": ["token", "*hidden*"],
    "nonMainReadOnly": true
}"#;

fn host(allowlist: Option<&str>) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for path in ["projects/app", "projects/data/groups", "docs/work", "other", "config"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    if let Some(text) = allowlist {
        fs::write(root.join("config/mount-allowlist.json"), text).unwrap();
    }
    let policy = Policy {
        allowlist: root.join("config/mount-allowlist.json"),
        home: Some(root.clone()),
        installation: vec![root.join("projects/data")],
        shadows: Shadows {
            empty_file: "/empty/file".into(),
            empty_dir: "/empty/dir".into(),
        },
    };
    Host {
        root,
        policy,
        _dir: dir,
    }
}

fn wanted(host_path: &str) -> AdditionalMount {
    AdditionalMount {
        host_path: host_path.to_owned(),
        container_path: None,
        readonly: None,
    }
}

fn writable(host_path: &str) -> AdditionalMount {
    AdditionalMount {
        readonly: Some(false),
        ..wanted(host_path)
    }
}

fn at(host_path: &str, container_path: &str) -> AdditionalMount {
    AdditionalMount {
        container_path: Some(container_path.to_owned()),
        ..wanted(host_path)
    }
}

fn refusal(host: &Host, mount: AdditionalMount) -> String {
    let checked = host.policy.check(&[mount], true);
    assert_eq!(checked.mounts, [], "must be refused");
    checked.refused[0].refusal.to_string()
}

#[test]
fn without_a_valid_allowlist_every_mount_is_refused_ms_01() {
    for (text, reason) in [
        (None, "no mount allowlist"),
        (Some("{"), "not valid"),
        (
            Some(r#"{"allowedRoots": [], "blockedPatterns": []}"#),
            "nonMainReadOnly",
        ),
        (
            Some(r#"{"allowedRoots": {}, "blockedPatterns": [], "nonMainReadOnly": true}"#),
            "not valid",
        ),
        (
            Some(r#"{"allowedRoots": [], "blockedPatterns": [], "nonMainReadOnly": "yes"}"#),
            "not valid",
        ),
    ] {
        let said = refusal(&host(text), wanted("~/projects/app"));
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn a_changed_allowlist_counts_at_once_ms_02() {
    let host = host(None);
    assert_eq!(host.policy.check(&[wanted("~/docs/work")], true).refused.len(), 1);
    fs::write(&host.policy.allowlist, ALLOWLIST).unwrap();
    assert_eq!(host.policy.check(&[wanted("~/docs/work")], true).refused.len(), 0);
}

#[test]
fn an_allowed_path_is_mounted_below_extra_under_its_own_name_ms_04_ms_09() {
    let host = host(Some(ALLOWLIST));
    let mounts = host
        .policy
        .check(&[wanted("~/projects/app"), at("~/docs/work", "a//b/")], false)
        .mounts;
    let mount = |source: &str, target: &str| Mount {
        source: host.root.join(source),
        target: target.to_owned(),
        read_only: true,
    };
    assert_eq!(
        mounts,
        [
            mount("projects/app", "/workspace/extra/app"),
            mount("docs/work", "/workspace/extra/a/b")
        ]
    );
}

#[test]
fn writing_needs_the_request_the_root_and_the_group_ms_08() {
    let host = host(Some(ALLOWLIST));
    let read_only = |mount, is_main| host.policy.check(&[mount], is_main).mounts[0].read_only;
    assert!(!read_only(writable("~/projects/app"), true));
    assert!(read_only(wanted("~/projects/app"), true));
    assert!(read_only(writable("~/docs/work"), true));
    assert!(read_only(writable("~/projects/app"), false), "nonMainReadOnly");
}

#[test]
fn container_paths_that_leave_their_place_are_refused_ms_04() {
    let host = host(Some(ALLOWLIST));
    let long = "x".repeat(2000);
    for path in ["", " ", "/etc", "../x", "a/../../x", ".", "a\0b", "a\nb", long.as_str()] {
        let said = refusal(&host, at("~/projects/app", path));
        assert!(said.contains("container path"), "{path:?}: {said}");
    }
    let both = [
        at("~/projects/app", "x"),
        at("~/docs/work", "x/y"),
        at("~/docs/work", "xy"),
    ];
    let checked = host.policy.check(&both, true);
    assert_eq!((checked.mounts.len(), checked.refused.len()), (2, 1));
    assert!(matches!(checked.refused[0].refusal, Refusal::Collision));
}

#[test]
fn host_paths_are_judged_where_their_links_lead_ms_05() {
    let host = host(Some(ALLOWLIST));
    symlink(host.root.join("other"), host.root.join("projects/out")).unwrap();
    symlink(host.root.join("projects/app"), host.root.join("other/in")).unwrap();
    assert!(refusal(&host, wanted("~/projects/out")).contains("not below an allowed root"));
    let through = host.policy.check(&[wanted("~/other/in")], true).mounts;
    assert_eq!(
        through[0].source,
        host.root.join("projects/app"),
        "what was judged is what is mounted"
    );
    assert!(refusal(&host, wanted("~/projects/gone")).contains("cannot be resolved"));
    assert!(refusal(&host, wanted("projects/app")).contains("absolute"));
    assert!(refusal(&host, wanted("~root/x")).contains("absolute"));
    assert!(refusal(&host, wanted("~/projects-not")).contains("cannot be resolved"));
}

#[test]
fn nothing_of_the_installation_is_mounted_not_even_through_a_parent() {
    let host = host(Some(&ALLOWLIST.replace("~/docs", "~")));
    for path in [
        "~/projects/data",
        "~/projects/data/groups",
        "~/projects",
        "~",
        "~/config",
    ] {
        assert!(
            refusal(&host, wanted(path)).contains("belongs to the installation"),
            "{path}"
        );
    }
}

#[test]
fn devices_sockets_and_pipes_are_refused() {
    let host = host(Some(&ALLOWLIST.replace("~/docs", "/dev")));
    assert!(refusal(&host, wanted("/dev/null")).contains("neither a directory nor a file"));
    let socket = host.root.join("projects/docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(refusal(&host, wanted("~/projects/docker.sock")).contains("neither a directory nor a file"));
}

#[test]
fn a_pattern_blocks_names_and_not_parts_of_names_ms_06_ms_d1() {
    let fits = |pattern: &str, path: &str| Pattern::new(pattern).unwrap().fits(Path::new(path));
    for (pattern, path) in [
        (".env", "/p/.env"),
        (".env", "/p/.env.local"),
        (".env", "/p/prod.env"),
        (".env", "/p/.ENV/x"),
        ("credentials", "/p/credentials.json"),
        ("id_rsa", "/p/id_rsa.pub"),
        ("private_key", "/p/server.private_key"),
        (".ssh", "/home/me/.ssh/known_hosts"),
        ("token", "/p/token/x"),
        ("*token*", "/p/token-service"),
        ("a*b*c", "/p/a-b-b-c"),
        ("work/secret", "/p/work/secret/x"),
    ] {
        assert!(fits(pattern, path), "{pattern} must block {path}");
    }
    for (pattern, path) in [
        ("token", "/p/token-service"),
        ("token", "/p/tokens"),
        (".env", "/p/.environment"),
        (".env", "/p/environment"),
        ("credentials", "/p/my-credentials-app"),
        ("work/secret", "/p/secret/work"),
        ("a*b*c", "/p/a-b-c-d"),
    ] {
        assert!(!fits(pattern, path), "{pattern} must not block {path}");
    }
    assert_eq!(Pattern::new("//"), None);
}

#[test]
fn built_in_and_own_patterns_block_ms_03() {
    let host = host(Some(ALLOWLIST));
    for name in BUILT_IN.into_iter().chain(["token", "not-hidden-enough"]) {
        fs::create_dir(host.root.join("projects").join(name)).unwrap();
        assert!(
            refusal(&host, wanted(&format!("~/projects/{name}"))).contains("blocked pattern"),
            "{name}"
        );
    }
}

#[test]
fn credentials_inside_a_mounted_directory_are_covered() {
    let host = host(Some(ALLOWLIST));
    let app = host.root.join("projects/app");
    fs::write(app.join(".env"), "KEY=1").unwrap();
    fs::create_dir(app.join(".aws")).unwrap();
    fs::write(app.join("main.rs"), "").unwrap();
    symlink(app.join(".env"), app.join("prod.env")).unwrap();
    let mut mounts = host
        .policy
        .check(&[writable("~/projects/app")], true)
        .mounts
        .split_off(1);
    mounts.sort_by(|one, other| one.target.cmp(&other.target));
    let shadow = |source: &str, target: &str| Mount {
        source: source.into(),
        target: target.to_owned(),
        read_only: true,
    };
    assert_eq!(
        mounts,
        [
            shadow("/empty/dir", "/workspace/extra/app/.aws"),
            shadow("/empty/file", "/workspace/extra/app/.env"),
        ]
    );
}

#[test]
fn a_colon_in_a_path_is_only_a_colon_cr_d10() {
    let host = host(Some(ALLOWLIST));
    fs::create_dir(host.root.join("projects/a:rw")).unwrap();
    let mounts = host.policy.check(&[wanted("~/projects/a:rw")], true).mounts;
    assert_eq!(
        (mounts[0].target.as_str(), mounts[0].read_only),
        ("/workspace/extra/a:rw", true)
    );
}

proptest! {
    #[test]
    fn whatever_is_asked_for_a_target_stays_below_extra(asked in ".{0,40}") {
        if let Some(relative) = super::target::relative_target(Some(&asked), Path::new("/x")) {
            let target = Path::new(EXTRA_DIR).join(&relative);
            prop_assert!(target.starts_with(EXTRA_DIR) && target != Path::new(EXTRA_DIR));
            prop_assert!(!target.components().any(|part| part.as_os_str() == ".."));
        }
    }
}
