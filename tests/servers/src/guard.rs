//! What ends a server, and removes its files, if we cannot; and what unmounts a disk.
//!
//! A shell that waits for the end of its input, which the kernel brings about however this process ends. It does more than a
//! parent-death signal could: that one fires when the *thread* that started the server ends, and leaves the files.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;

/// The last line it reads is the process to end; an empty one means that there is none. A frozen process must run to obey.
const END_SERVER: &str = r#"
while read -r line; do server=$line; done
if [ -n "$server" ]; then
  kill -CONT "$server" $(cat "/proc/$server/task/$server/children")
  kill -"$2" "$server"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$server" || break
    sleep 1
  done
  kill -KILL "$server"
fi
rm -rf -- "$1"
"#;

/// Whoever still uses the disk keeps it until it ends; nobody else finds it any more.
const UNMOUNT: &str = r#"
while read -r line; do :; done
$2 umount --lazy -- "$1"
rmdir -- "$1"
"#;

/// The guard of one server, or of one disk. Dropping it ends the server, if it still runs, and removes its files, or unmounts
/// the disk.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    input: Option<ChildStdin>,
}

impl Guard {
    /// Starts one that will remove `directory`, after it has ended what runs there with `last_signal`.
    pub(crate) fn of_server(directory: &Path, last_signal: Signal) -> Result<Self> {
        Self::start(END_SERVER, directory, &last_signal.as_raw().to_string())
    }

    /// Starts one that will unmount what is mounted at `directory`, with the help of `sudo` where that is not empty.
    pub(crate) fn of_mount(directory: &Path, sudo: &str) -> Result<Self> {
        Self::start(UNMOUNT, directory, sudo)
    }

    fn start(script: &str, directory: &Path, how: &str) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", script, "guard"])
            .arg(directory)
            .arg(how)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A test runner kills the group of a test that takes too long.
            .process_group(0)
            .spawn()
            .context("start the guard")?;
        let input = shell.stdin.take();
        Ok(Self { shell, input })
    }

    /// This process is to end with us.
    pub(crate) fn watch(&mut self, process: u32) -> Result<()> {
        self.tell(&process.to_string())
    }

    /// It has ended, and its number may belong to somebody else from here on.
    pub(crate) fn forget(&mut self) -> Result<()> {
        self.tell("")
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().expect("open until the guard is dropped");
        writeln!(input, "{line}").context("tell the guard about the server")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.shell.wait();
    }
}
