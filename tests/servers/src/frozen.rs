//! Processes that stand where they are, as on a machine that hangs.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Signal, kill_process};

use crate::process::{PATIENCE, pid_of};

/// Stops a process and its children. When this returns they stand.
pub(crate) fn freeze_with_children(parent: u32) -> Result<()> {
    // The parent first: it can start no more children then.
    freeze(parent)?;
    children(parent)?.into_iter().try_for_each(freeze)
}

/// Lets a process and its children go on.
pub(crate) fn thaw_with_children(parent: u32) -> Result<()> {
    for process in children(parent)?.into_iter().chain([parent]) {
        // One that ended meanwhile needs no signal.
        let _ = kill_process(pid_of(process), Signal::CONT);
    }
    Ok(())
}

fn children(parent: u32) -> Result<Vec<u32>> {
    let children =
        fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).context("list the server's children")?;
    let children = children.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    children.context("a process id")
}

/// The signal is sent in no time, and takes its time to arrive: a thread on another processor goes on until it does.
fn freeze(process: u32) -> Result<()> {
    let started = Instant::now();
    let _ = kill_process(pid_of(process), Signal::STOP);
    while !stands(process) {
        anyhow::ensure!(started.elapsed() < PATIENCE, "process {process} does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether no thread of a process runs; one that ended does not.
fn stands(process: u32) -> bool {
    let Ok(mut threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    threads.all(|thread| {
        let state = thread.and_then(|thread| fs::read_to_string(thread.path().join("stat")));
        // The state follows the name, which stands in brackets and may have brackets of its own.
        state.map_or(true, |state| {
            state
                .rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with(['T', 'Z', 'X']))
        })
    })
}
