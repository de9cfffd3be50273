//! The node as a process: started, killed, waited for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The binary under test: `CLAWHOLD_BIN`, else the one built beside the tests.
pub fn binary() -> PathBuf {
    let built = || {
        let tests = std::env::current_exe().unwrap();
        tests.ancestors().nth(2).unwrap().join("clawhold")
    };
    let binary = std::env::var_os("CLAWHOLD_BIN").map_or_else(built, PathBuf::from);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build --bins --features clawhold/crash-points`, as script/test does",
        binary.display()
    );
    binary
}

/// A running node.
pub struct Node {
    child: Child,
}

impl Node {
    /// Starts it; its log is appended to `log`.
    pub fn start(directory: &Path, environment: &[(String, String)], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(binary())
            .args(["up", "--serve"])
            .current_dir(directory)
            .env_clear()
            .envs(inherited())
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Kills it as an outage would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Takes it off the processor, as a suspended or starved machine would.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ended already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process needs of our environment to find the container engine and a home.
pub fn inherited() -> impl Iterator<Item = (String, String)> {
    ["PATH", "HOME", "DOCKER_HOST"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}
