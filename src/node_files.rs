//! What a process keeps in its data directory beside rows: its place, and its name towards the container engine.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use proto::ids::IdSource;

/// Name of this installation below the data directory: tells its sandboxes from those of others on the same engine.
const INSTALL_ID: &str = "install-id";
/// Length of an installation's name: enough that two on one host do not collide.
const INSTALL_ID_LENGTH: usize = 12;

/// Makes the data directory, closed to everybody else, and returns its absolute path without links: the container
/// engine mounts parts of it.
pub(crate) fn make_data_dir(path: &Path) -> anyhow::Result<PathBuf> {
    let context = || {
        format!(
            "the data directory {} cannot be used (data_dir, CLAWHOLD_DATA_DIR)",
            path.display()
        )
    };
    let existed = path.exists();
    std::fs::create_dir_all(path).with_context(context)?;
    if !existed {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).with_context(context)?;
    }
    path.canonicalize().with_context(context)
}

/// What no sandbox may see, whatever the mount allowlist says.
pub(crate) fn installation(data_dir: &Path, config_files: Vec<PathBuf>, engine: Option<&str>) -> Vec<PathBuf> {
    let socket = engine
        .and_then(|engine| engine.strip_prefix("unix://"))
        .unwrap_or("/var/run/docker.sock");
    [data_dir.to_owned(), PathBuf::from(socket)]
        .into_iter()
        .chain(config_files)
        .collect()
}

/// The name is made once and kept: under another one, sandboxes left by an earlier life would be strangers.
pub(crate) fn install_id(data_dir: &Path, ids: &dyn IdSource) -> anyhow::Result<String> {
    let path = data_dir.join(INSTALL_ID);
    let context = || format!("{} cannot be used", path.display());
    if path.exists() {
        let id = std::fs::read_to_string(&path).with_context(context)?.trim().to_owned();
        anyhow::ensure!(
            !id.is_empty(),
            "{} is empty: put a name of up to {INSTALL_ID_LENGTH} letters and digits into it",
            path.display()
        );
        return Ok(id);
    }
    // The end of a UUIDv7 is its random part.
    let id = ids.uuid().simple().to_string().split_off(32 - INSTALL_ID_LENGTH);
    let fresh = path.with_extension("new");
    let mut file = std::fs::File::create(&fresh).with_context(context)?;
    file.write_all(id.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(context)?;
    std::fs::rename(&fresh, &path).with_context(context)?;
    Ok(id)
}
