//! The node's Unix socket: open to its owner only, from the moment it exists.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, bail};
use tokio::net::UnixListener;

/// Name of the socket in the data directory.
pub const SOCKET_NAME: &str = "clawhold.sock";
/// Longest path of a Unix socket in bytes: `sun_path` has 108 on Linux (104 on macOS), one of them the final zero.
const PATH_BYTES_MAX: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// Directory, shorter than [`SOCKET_NAME`], in which the socket is made before it appears under its name.
const MAKING_DIR: &str = ".sock";

/// The file of a bound socket; dropping it removes the file.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
}

impl ControlSocket {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A file that stays behind is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Binds `<data_dir>/clawhold.sock` with mode 0600, replacing a file that a dead process left behind.
///
/// # Errors
/// When the path is too long for a socket, another process answers there, or the directory cannot be written.
pub fn bind_control_socket(data_dir: &Path) -> anyhow::Result<(UnixListener, ControlSocket)> {
    let path = std::path::absolute(data_dir)
        .with_context(|| format!("cannot find the directory {}", data_dir.display()))?
        .join(SOCKET_NAME);
    let bytes = path.as_os_str().len();
    if bytes > PATH_BYTES_MAX {
        bail!(
            "the path of the control socket {} has {bytes} bytes, and the system allows {PATH_BYTES_MAX}: \
             choose a shorter data_dir",
            path.display()
        );
    }
    if UnixStream::connect(&path).is_ok() {
        bail!(
            "another process answers on {}: stop it, or choose another data_dir",
            path.display()
        );
    }
    let listener = bind_privately(data_dir, &path).with_context(|| format!("cannot bind {}", path.display()))?;
    Ok((listener, ControlSocket { path }))
}

/// Binding makes the file with the process's umask; inside a private directory nobody can open it before its mode is set.
fn bind_privately(data_dir: &Path, path: &Path) -> io::Result<UnixListener> {
    let dir = data_dir.join(MAKING_DIR);
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(&dir)?;
    let made = dir.join("s");
    let listener = UnixListener::bind(&made)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    fs::remove_dir(&dir)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_private_and_a_stale_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (listener, socket) = bind_control_socket(dir.path()).unwrap();
        let mode = fs::metadata(socket.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(UnixStream::connect(socket.path()).is_ok());
        drop(listener);
        std::mem::forget(socket);
        let (_listener, socket) = bind_control_socket(dir.path()).expect("the stale file is replaced");
        let path = socket.path().to_owned();
        drop(socket);
        assert!(!path.exists(), "the file goes with the node");
    }

    #[tokio::test]
    async fn a_second_node_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _bound = bind_control_socket(dir.path()).unwrap();
        let error = bind_control_socket(dir.path()).unwrap_err().to_string();
        assert!(error.contains("another process answers"), "{error}");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        let error = bind_control_socket(&long).unwrap_err().to_string();
        assert!(error.contains("shorter data_dir"), "{error}");
    }
}
