//! A base image of our own, made of signed Debian packages, for hosts that reach a package mirror but no registry.
//!
//! `mmdebstrap` writes a root file system as a tar archive and the engine imports it while it is written. Invariant: the
//! image name carries a hash of the recipe, so a finished base is found again and a changed recipe makes a new one.

use std::io;
use std::process::Stdio;

use anyhow::{Context, bail};
use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::{Docker, body_try_stream};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, future, stream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::io::ReaderStream;

use super::engine;
use super::kind::Kind;
use super::progress::{Progress, Tail};

/// Debian 13: its Node is 20.
const SUITE: &str = "trixie";

/// Nobody reads manuals in there: 70 MB.
const UNREAD: [&str; 4] = ["doc", "man", "info", "locale"];

/// Returns the name of the base image, made now if it is not in the engine or `again` is set.
pub(super) async fn ensure(engine: &Docker, kind: Kind, again: bool, progress: &Progress) -> anyhow::Result<String> {
    let recipe = recipe(kind);
    let (repository, tag) = ("clawhold-base", recipe_tag(&recipe));
    let name = format!("{repository}:{tag}");
    if !again && engine::has_image(engine, &name).await? {
        return Ok(name);
    }
    let mut mmdebstrap = start_mmdebstrap(&recipe)?;
    let lines = mmdebstrap.stderr.take().expect("standard error is piped");
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(&tag)
        .build();
    let mut import = engine.create_image(Some(options), Some(body_try_stream(archive(mmdebstrap))), None);
    let import = async {
        while import.try_next().await?.is_some() {}
        Ok::<_, bollard::errors::Error>(())
    };

    let (imported, tail) = tokio::join!(import, follow(lines, progress));
    match imported {
        Ok(()) => Ok(name),
        Err(error) => bail!(
            "no base image could be made: {}; mmdebstrap's last lines:{}\nIs the Debian mirror in reach, and is this run \
             as root (or where unprivileged user namespaces are allowed)?",
            engine::message(&error),
            tail.text()
        ),
    }
}

/// The arguments that say what to make.
fn recipe(kind: Kind) -> Vec<String> {
    let what = ["--variant=minbase".to_owned(), "--format=tar".to_owned()];
    let include = format!("--include={}", kind.packages().join(","));
    let exclude = UNREAD.map(|directory| format!("--dpkgopt=path-exclude=/usr/share/{directory}/*"));
    what.into_iter().chain([include]).chain(exclude).collect()
}

fn recipe_tag(recipe: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in recipe {
        hash.update(part);
        hash.update([0]);
    }
    format!("{SUITE}-{}", &hex::encode(hash.finalize())[..12])
}

fn start_mmdebstrap(recipe: &[String]) -> anyhow::Result<Child> {
    let command = Command::new("mmdebstrap")
        .args(recipe)
        .args([SUITE, "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    match command {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "mmdebstrap is not installed: run `script/setup` or `apt-get install mmdebstrap`, or name a base image that \
             is already in the engine with --base-image"
        ),
        other => other.context("starting mmdebstrap"),
    }
}

/// What mmdebstrap writes. Ends in an error unless mmdebstrap succeeded: the upload breaks off then, and the engine does
/// not mistake the beginning of an archive for a small one.
fn archive(mut mmdebstrap: Child) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let stdout = mmdebstrap.stdout.take().expect("standard output is piped");
    let verdict = async move {
        match mmdebstrap.wait().await {
            Ok(status) if status.success() => None,
            Ok(status) => Some(Err(io::Error::other(format!("mmdebstrap failed ({status})")))),
            Err(error) => Some(Err(error)),
        }
    };
    ReaderStream::new(stdout).chain(stream::once(verdict).filter_map(future::ready))
}

/// Shows mmdebstrap's own progress and keeps its last lines.
async fn follow(stderr: ChildStderr, progress: &Progress) -> Tail {
    let mut tail = Tail::new();
    let mut lines = Box::pin(stream::unfold(BufReader::new(stderr).lines(), |mut lines| async move {
        // A line that is not UTF-8 ends the display, not the work: the exit status still decides.
        lines.next_line().await.ok().flatten().map(|line| (line, lines))
    }));
    while let Some(line) = progress.next(&mut lines, "mmdebstrap").await {
        if let Some(step) = line.strip_prefix("I: ") {
            progress.say(&format!("mmdebstrap: {step}"));
        }
        tail.push(&line);
    }
    tail
}
