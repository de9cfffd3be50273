//! Who may know whom (design §2): read from `cargo metadata`, so that a forbidden edge fails here and not in review.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every crate of the workspace, and the crates of the workspace it may depend on.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("proto", &[]),
    ("store", &["proto"]),
    ("bus", &["proto", "store"]),
    ("blobs", &["proto"]),
    ("service", &["proto"]),
    ("gateway", &["proto", "store", "bus", "blobs", "service"]),
    ("scheduler", &["proto", "store", "bus", "blobs", "service"]),
    ("runner", &["proto", "store", "bus", "blobs", "service"]),
    ("doubles", &[]),
    ("servers", &[]),
    ("sim", &["proto", "store", "bus"]),
    (
        "clawhold",
        &[
            "proto",
            "store",
            "bus",
            "blobs",
            "service",
            "gateway",
            "scheduler",
            "runner",
            "doubles",
        ],
    ),
    (
        "tests",
        &[
            "proto", "store", "bus", "blobs", "service", "gateway", "doubles", "servers", "sim",
        ],
    ),
];

#[test]
fn no_crate_knows_more_than_the_layout_allows() {
    let metadata = MetadataCommand::new()
        .manifest_path("../Cargo.toml")
        .no_deps()
        .exec()
        .unwrap();
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let members: Vec<_> = metadata.workspace_packages();
    assert_eq!(
        members.len(),
        allowed.len(),
        "a crate was added or removed: say here whom it may know"
    );
    for package in members {
        let may_know = allowed
            .get(package.name.as_str())
            .unwrap_or_else(|| panic!("{} is not in the layout", package.name));
        for dependency in &package.dependencies {
            let ours = allowed.contains_key(dependency.name.as_str());
            let for_tests = dependency.kind == DependencyKind::Development;
            assert!(
                !ours || for_tests || may_know.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn proto_does_no_io() {
    let metadata = MetadataCommand::new()
        .manifest_path("../Cargo.toml")
        .no_deps()
        .exec()
        .unwrap();
    let proto = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == "proto")
        .unwrap();
    for banned in ["tokio", "sqlx", "rusqlite", "reqwest", "axum", "rand"] {
        assert!(
            !proto.dependencies.iter().any(|dependency| dependency.name == banned),
            "proto must not depend on {banned}"
        );
    }
}

#[test]
fn no_module_is_a_junk_drawer() {
    let banned = ["common", "util", "utils", "helpers", "misc", "shared", "core"];
    let mut directories = vec![std::path::PathBuf::from("..")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                directories.push(path.clone());
            }
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_module = path.extension().is_some_and(|extension| extension == "rs") || path.join("mod.rs").exists();
            assert!(
                !is_module || !banned.contains(&stem.as_str()),
                "{} has no name of its own",
                path.display()
            );
        }
    }
}
