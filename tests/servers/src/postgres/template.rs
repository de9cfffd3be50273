//! An initialised data directory, made once per version of Postgres: `initdb` takes a second and more, a copy a tenth of it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::server::USER;
use crate::account::Account;
use crate::installed::{directory, program};

/// Changes when `initdb` is called in another way, so that older templates are not used.
const GENERATION: u32 = 1;

/// Makes `data` an initialised data directory of the account.
pub(super) fn copy_to(data: &Path, account: Account) -> Result<()> {
    let version = succeed(Command::new(program("postgres/bin/postgres")?).arg("--version"))?;
    let version = version
        .split_whitespace()
        .nth(2)
        .context("postgres --version names no version")?;
    let templates = directory()?.join("postgres-templates");
    fs::create_dir_all(&templates).with_context(|| format!("make {}", templates.display()))?;
    // Files keep their owner in the copy.
    let template = templates.join(format!("{version}-{}-{GENERATION}", account.uid));
    // Many test processes start at once; one of them makes the template.
    let lock = File::create(templates.join("lock")).context("open the lock of the templates")?;
    lock.lock().context("wait for the lock of the templates")?;
    if !template.exists() {
        make(&template, account)?;
    }
    lock.unlock().context("release the lock of the templates")?;
    copy(&template, data)
}

fn make(template: &Path, account: Account) -> Result<()> {
    // Postgres gives up root, and may not be able to look into root's cache directory: it works in /tmp.
    let work = tempfile::Builder::new()
        .prefix("clawhold-initdb-")
        .tempdir()
        .context("make a directory for initdb")?;
    account.own(work.path())?;
    let data = work.path().join("data");
    let mut initdb = Command::new(program("postgres/bin/initdb")?);
    initdb
        .args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
        ])
        .args(["--no-sync", "--pgdata"])
        .arg(&data)
        .current_dir(work.path());
    account.run(&mut initdb);
    succeed(&mut initdb)?;
    let unfinished = template.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("remove what a killed test left of a template")?;
    }
    copy(&data, &unfinished)?;
    fs::rename(&unfinished, template).context("put the template in its place")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut cp = Command::new("cp");
    succeed(
        cp.args(["--archive", "--reflink=auto", "--no-target-directory"])
            .arg(from)
            .arg(to),
    )
    .map(drop)
}

/// Runs a program; returns what it said, or fails with it.
pub(super) fn succeed(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{} failed ({}): {said}{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}
