//! `clawhold image build`: makes the image the agents run in.
//!
//! The build context is embedded in the binary, the engine is spoken to directly (no `docker` command is needed), and
//! where no registry can be reached the base comes from Debian packages. Knows nothing of groups, turns or a running
//! node. Invariant: a second call with the same sources finds its work done and changes nothing.

mod args;
mod assemble;
mod base;
mod context;
mod debian_base;
mod engine;
mod host_network;
mod progress;

pub(crate) use args::ImageArgs;

use args::{BuildArgs, ImageCommand};
use progress::Progress;

/// Runs the command; progress goes to standard error.
pub(crate) async fn run(args: ImageArgs) -> anyhow::Result<()> {
    match args.command {
        ImageCommand::Build(args) => build(args).await,
    }
}

async fn build(args: BuildArgs) -> anyhow::Result<()> {
    let progress = Progress::start();
    let engine = engine::connect().await?;
    let source = context::source_hash(args.base_image.as_deref());
    if !args.force && engine::image_source(&engine, &args.tag).await?.as_deref() == Some(source.as_str()) {
        progress.say(&format!("{} is up to date", args.tag));
        return Ok(());
    }
    let base = base::choose(&engine, &args, &progress).await?;
    progress.say(&format!("building {} on {base}", args.tag));
    assemble::build(&engine, &args, &base, &source, &progress).await?;
    progress.say(&format!("{} is ready", args.tag));
    Ok(())
}
