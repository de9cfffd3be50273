//! What the host says about itself: its time zone, and files at the places where NanoClaw kept them.

use std::path::{Path, PathBuf};

use service::config::{Environment, Zone};
use toml::Value;

/// Link that names the host's zone on Linux and macOS.
const ZONE_LINK: &str = "/etc/localtime";
/// File that names it on Debian, where the link may be a copy.
const ZONE_FILE: &str = "/etc/timezone";

/// Home directory: the variable first, then what the system says (P-04).
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    environment
        .get("HOME")
        .map(PathBuf::from)
        .or_else(std::env::home_dir)
        .filter(|home| home.is_absolute())
}

/// Takes `TZ` out where it only points back to the host's own zone, as some desktops set it (`TZ=:/etc/localtime`).
pub(super) fn resolve_local_time(environment: Environment) -> Environment {
    let points_back = environment
        .get("TZ")
        .is_some_and(|tz| tz.strip_prefix(':').unwrap_or(tz) == ZONE_LINK);
    if points_back {
        environment.without("TZ")
    } else {
        environment
    }
}

/// Settings that hold unless somebody sets them, by dotted key.
pub(super) fn settings(environment: &Environment, home: Option<&Path>) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    // Whoever sets `TZ` never needs what the host thinks.
    if environment.get("TZ").is_none()
        && let Some(zone) = zone(Path::new(ZONE_LINK), Path::new(ZONE_FILE))
    {
        settings.push(("timezone".to_owned(), Value::from(zone.to_string())));
    }
    let allowlists = [
        ("security.sender_allowlist", "sender-allowlist.json"),
        ("runner.mount_allowlist", "mount-allowlist.json"),
    ];
    for (key, name) in allowlists {
        if let Some(path) = home.and_then(|home| nanoclaw_file(home, name)) {
            settings.push((key.to_owned(), Value::from(path)));
        }
    }
    settings
}

/// Names of the services of a fleet: several run, each on a host (or in a container) of its own.
pub(super) fn service_names() -> impl Iterator<Item = (String, Value)> {
    ["runner.name", "gateway.name"]
        .map(|key| (key.to_owned(), Value::from(name())))
        .into_iter()
}

/// What the host is called.
pub(super) fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// NanoClaw's file of this name, if it is there and ours is not.
fn nanoclaw_file(home: &Path, name: &str) -> Option<String> {
    let in_directory = |directory: &str| home.join(".config").join(directory).join(name);
    let theirs = in_directory("nanoclaw");
    // A file that is there but cannot be looked at counts as there: reading it will say what is wrong with it.
    let is_there = |path: &Path| path.try_exists().unwrap_or(true);
    let chosen = !is_there(&in_directory("clawhold")) && is_there(&theirs);
    chosen.then(|| theirs.to_string_lossy().into_owned())
}

/// The host's zone; none when it does not say, which means UTC.
fn zone(link: &Path, file: &Path) -> Option<Zone> {
    let from_link = || std::fs::canonicalize(link).ok()?.to_str()?.parse().ok();
    let from_file = || std::fs::read_to_string(file).ok()?.trim().parse().ok();
    from_link().or_else(from_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_what_the_link_points_to_else_what_the_file_says() {
        let directory = tempfile::tempdir().unwrap();
        let zones = directory.path().join("zoneinfo/Europe");
        std::fs::create_dir_all(&zones).unwrap();
        std::fs::write(zones.join("Berlin"), "").unwrap();
        let (link, file) = (directory.path().join("localtime"), directory.path().join("timezone"));
        assert_eq!(zone(&link, &file), None);
        std::fs::write(&file, "Asia/Tokyo\n").unwrap();
        assert_eq!(zone(&link, &file).unwrap().to_string(), "Asia/Tokyo");
        std::os::unix::fs::symlink(zones.join("Berlin"), &link).unwrap();
        assert_eq!(zone(&link, &file).unwrap().to_string(), "Europe/Berlin");
    }

    #[test]
    fn a_variable_that_points_back_to_the_host_is_no_setting() {
        for (text, stays) in [
            (":/etc/localtime", false),
            ("/etc/localtime", false),
            ("Europe/Paris", true),
        ] {
            let environment = [("TZ", text)].into_iter().collect();
            assert_eq!(resolve_local_time(environment).get("TZ").is_some(), stays, "{text}");
        }
    }

    #[test]
    fn p_04_nanoclaws_allowlist_is_used_until_there_is_one_of_ours() {
        let home = tempfile::tempdir().unwrap();
        let write = |directory: &str| {
            let directory = home.path().join(".config").join(directory);
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("mount-allowlist.json"), "{}").unwrap();
        };
        let found = || nanoclaw_file(home.path(), "mount-allowlist.json").is_some();
        assert!(!found());
        write("nanoclaw");
        assert!(found());
        write("clawhold");
        assert!(!found());
    }
}
