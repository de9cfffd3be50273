//! A command of the binary, as somebody at a shell or in a pipe runs it.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::node::{binary, inherited};
use crate::world::PATIENCE;

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// What it said to whoever reads its pipe.
    pub stdout: String,
    /// What it said to the person.
    pub stderr: String,
}

/// Runs the binary in a directory, with `input` as a pipe, until it ends.
///
/// # Panics
/// When it does not end in time, or a signal ends it.
pub async fn command(directory: &Path, environment: &[(String, String)], arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(inherited())
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may have closed the pipe.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{arguments:?} did not end")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr = text(output.stderr);
    Said {
        code: output
            .status
            .code()
            .unwrap_or_else(|| panic!("{arguments:?} was ended by a signal: {stderr}")),
        stdout: text(output.stdout),
        stderr,
    }
}
