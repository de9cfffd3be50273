//! The place of an extra mount in the sandbox (MS-04). Pure.

use std::path::{Component, Path};

/// Longest container path, in bytes; the kernel's limit for a whole path is 4096.
const LENGTH_MAX: usize = 1024;

/// The path below [`super::EXTRA_DIR`]: as asked for, else the last part of the host path. `None` breaks MS-04.
pub(super) fn relative_target(asked: Option<&str>, host_path: &Path) -> Option<String> {
    let text = match asked {
        Some(text) => text,
        None => host_path.file_name()?.to_str()?,
    };
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let usable = !text.trim().is_empty() && text.len() <= LENGTH_MAX && !text.contains(['\0', '\n']);
    // Joined again from its parts, so that `a//b/` and `a/b` are one place.
    (plain && usable).then(|| {
        path.components()
            .collect::<std::path::PathBuf>()
            .to_string_lossy()
            .into_owned()
    })
}

/// Whether two places are the same, or one lies inside the other: the inner one could not be made in a read-only mount.
pub(super) fn collide(one: &str, other: &str) -> bool {
    Path::new(one).starts_with(other) || Path::new(other).starts_with(one)
}
