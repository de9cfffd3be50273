//! The host's side of one run: the directories that are mounted into its sandbox.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::{ipc, nanoclaw};
use rustix::fs::{AtFlags, Mode, OFlags};

use super::layout::{ATTIC, IN, IPC, OUT};
use super::remove::remove_tree;
use super::touch::touch;
use super::{DropBox, HeldDir, Layout, MailReader, MailWriter};

/// Longest path the kernel takes for a Unix socket, with its final NUL left out.
const SOCKET_PATH_MAX: usize = 107;

/// The directories of one run. They stay until [`RunDir::remove`], or until the next start of the runner finds them.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    layout: Layout,
    parent: HeldDir,
    root: HeldDir,
    /// Touched as the host's heartbeat; NanoClaw's contract has none.
    heartbeat: Option<Arc<OwnedFd>>,
}

impl RunDir {
    /// Opens directories that were just created, before any sandbox can see them.
    pub(super) fn open(path: PathBuf, layout: Layout, parent: HeldDir) -> io::Result<Self> {
        let root = HeldDir::open(&path)?;
        let heartbeat = match layout {
            Layout::NanoClaw => None,
            Layout::Own => {
                let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                Some(Arc::new(rustix::fs::open(
                    path.join(IN).join(ipc::HEARTBEAT),
                    flags,
                    Mode::empty(),
                )?))
            }
        };
        Ok(Self {
            path,
            layout,
            parent,
            root,
            heartbeat,
        })
    }

    /// Which contract the directories are for.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Host path of what is mounted read-only at [`ipc::IN_DIR`].
    pub fn in_dir(&self) -> PathBuf {
        self.path.join(IN)
    }

    /// Host path and container path of what is mounted writable: [`ipc::OUT_DIR`], or NanoClaw's [`nanoclaw::IPC_DIR`].
    pub fn writable(&self) -> (PathBuf, &'static str) {
        match self.layout {
            Layout::Own => (self.path.join(OUT), ipc::OUT_DIR),
            Layout::NanoClaw => (self.path.join(IPC), nanoclaw::IPC_DIR),
        }
    }

    /// What tells the agent that the host lives.
    pub fn heart(&self) -> Heart {
        Heart(self.heartbeat.clone())
    }

    /// Opens the proxy's socket inside the read-only directory, connectable by the sandbox's uid. On the host the
    /// directory of all runs keeps everybody but the node's user away from it.
    ///
    /// # Errors
    /// When the socket cannot be made, among it a path that is too long on a system without `/proc`.
    pub fn bind_socket(&self) -> io::Result<UnixListener> {
        let held = self.open_dir(&[IN])?;
        let listener = bind_in(&held, &self.path.join(IN))?;
        rustix::fs::chmodat(
            held.as_fd(),
            ipc::PROXY_SOCKET,
            Mode::from_raw_mode(0o666),
            AtFlags::empty(),
        )?;
        Ok(listener)
    }

    /// Removes everything, whatever the agent left; the sandbox must have ended. Blocks for as long as that takes.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        let name = self
            .path
            .file_name()
            .map(std::os::unix::ffi::OsStrExt::as_bytes)
            .unwrap_or_default();
        remove_tree(&self.parent, &CString::new(name)?)
    }

    pub(crate) fn mail_writer(&self) -> io::Result<MailWriter> {
        Ok(MailWriter::new(self.open_dir(&[IN, ipc::MAILBOX])?))
    }

    pub(crate) fn mail_reader(&self) -> io::Result<MailReader> {
        Ok(MailReader::new(
            self.open_dir(&[OUT, ipc::MAILBOX])?,
            self.open_dir(&[ATTIC])?,
        ))
    }

    /// The directory with the agent's heartbeat.
    pub(crate) fn out(&self) -> io::Result<HeldDir> {
        self.open_dir(&[OUT])
    }

    /// NanoClaw's directory of both directions.
    pub(crate) fn ipc(&self) -> io::Result<HeldDir> {
        self.open_dir(&[IPC])
    }

    pub(crate) fn input(&self) -> io::Result<HeldDir> {
        self.open_dir(&[IPC, nanoclaw::INPUT])
    }

    pub(crate) fn drop_box(&self, name: &'static str) -> io::Result<DropBox> {
        let (dir, attic) = (self.open_dir(&[IPC, name])?, self.open_dir(&[ATTIC])?);
        Ok(DropBox::new(dir, attic, name, nanoclaw::FILE_BYTES_MAX))
    }

    /// Host paths to watch for what the agent says.
    pub(crate) fn agent_paths(&self) -> Vec<PathBuf> {
        match self.layout {
            Layout::Own => vec![self.path.join(OUT).join(ipc::MAILBOX)],
            Layout::NanoClaw => [nanoclaw::MESSAGES, nanoclaw::TASKS]
                .map(|name| self.path.join(IPC).join(name))
                .into(),
        }
    }

    fn open_dir(&self, names: &[&str]) -> io::Result<HeldDir> {
        let mut held = self.root.open_dir(c".")?;
        for name in names {
            held = held.open_dir(&CString::new(*name)?)?;
        }
        Ok(held)
    }
}

/// Tells an agent that its host lives: touched every few seconds; an agent that misses it for 12 s ends itself.
#[derive(Clone, Debug)]
pub struct Heart(Option<Arc<OwnedFd>>);

impl Heart {
    /// Beats once. NanoClaw's contract has no heartbeat, so there it does nothing.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn beat(&self) -> io::Result<()> {
        match &self.0 {
            Some(file) => touch(file),
            None => Ok(()),
        }
    }
}

/// Sockets have short paths by kernel rule, data directories may not: the descriptor's path is always short.
fn bind_in(held: &HeldDir, path: &Path) -> io::Result<UnixListener> {
    let full = path.join(ipc::PROXY_SOCKET);
    if full.as_os_str().len() <= SOCKET_PATH_MAX {
        return UnixListener::bind(full);
    }
    if cfg!(target_os = "linux") {
        return UnixListener::bind(format!(
            "/proc/self/fd/{}/{}",
            held.as_fd().as_raw_fd(),
            ipc::PROXY_SOCKET
        ));
    }
    let why = format!(
        "{} is longer than the {SOCKET_PATH_MAX} bytes a socket's path may have: move data_dir",
        full.display()
    );
    Err(io::Error::new(io::ErrorKind::InvalidFilename, why))
}
