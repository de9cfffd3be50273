//! Every crash point in the code is one at which a test kills the process, and no test waits for a point that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_crash_point_is_killed_at_in_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = ["gateway/src", "scheduler/src", "runner/src", "src"];
    let named: BTreeSet<String> = code
        .iter()
        .flat_map(|part| sources(&root.join(part)))
        .flat_map(|source| between(&source, "crash_point!(\"", "\""))
        .collect();
    assert!(named.len() >= 10, "the points are looked for where they are: {named:?}");

    let one_node = ["crashes.rs", "tasks.rs"].map(|file| fs::read_to_string(root.join("tests/it").join(file)).unwrap());
    let fleet = fs::read_to_string(root.join("tests/it/fleet/crashes.rs")).unwrap();
    // The stories of one node call a function, those of the fleet are lines of a table.
    let mut killed: BTreeSet<String> = ["killed_at(\"", "run(Some(\""]
        .iter()
        .flat_map(|call| between(&one_node.concat(), call, "\""))
        .collect();
    let table = between(&fleet, "\npoints! {", "\n}").concat();
    killed.extend(
        table
            .lines()
            .filter_map(|line| line.split('"').nth(1))
            .map(str::to_owned),
    );
    assert_eq!(named, killed, "named in the code (left), killed at in tests (right)");
}

fn sources(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut sources = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if is_rust(&path) {
            sources.push(fs::read_to_string(&path).unwrap());
        }
    }
    sources
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// What stands between two marks, each time.
fn between(text: &str, from: &str, to: &str) -> Vec<String> {
    let rest = text.split(from).skip(1);
    rest.filter_map(|rest| rest.split(to).next())
        .map(str::to_owned)
        .collect()
}
