//! `clawhold image build`: makes the image the agents run in, and the one the services of a fleet run in.
//!
//! The build contexts are embedded in the binary, the engine is spoken to directly (no `docker` command is needed), and
//! where no registry can be reached the base comes from Debian packages. Knows nothing of groups, turns or a running
//! node. Invariant: a second call with the same sources finds its work done and changes nothing.

mod args;
mod assemble;
mod base;
mod context;
mod debian_base;
mod engine;
mod host_network;
mod kind;
mod progress;

pub(crate) use args::ImageArgs;

use args::{BuildArgs, ImageCommand};
use context::Context;
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
    let context = Context::of(args.kind)?;
    let source = context.source_hash(args.base_image.as_deref());
    let former = engine::image(&engine, args.tag()).await?;
    if !args.force
        && former
            .as_ref()
            .is_some_and(|former| former.source.as_ref() == Some(&source))
    {
        progress.say(&format!("{} is up to date", args.tag()));
        return Ok(());
    }
    let base = base::choose(&engine, &args, &progress).await?;
    progress.say(&format!("building {} on {base}", args.tag()));
    assemble::build(&engine, &args, &base, &context, &source, &progress).await?;
    if let Some(former) = former {
        engine::forget(&engine, former).await;
    }
    progress.say(&format!("{} is ready", args.tag()));
    Ok(())
}
