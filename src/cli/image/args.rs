//! The command line of `clawhold image`.

use clap::{Args, Subcommand};

/// Makes the image the agents run in.
#[derive(Args, Debug)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    pub(super) command: ImageCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// Builds the agent image; does nothing when it is up to date.
    Build(BuildArgs),
}

#[derive(Args, Debug)]
pub(super) struct BuildArgs {
    /// Name the image gets.
    #[arg(long, default_value = "clawhold-agent:latest")]
    pub(super) tag: String,
    /// Image to build on, Debian-like with Node 20 or newer [default: node:22-slim, or Debian packages without a registry].
    #[arg(long, value_name = "IMAGE")]
    pub(super) base_image: Option<String>,
    /// Asks no registry: makes the base from Debian packages (needs mmdebstrap).
    #[arg(long, conflicts_with = "base_image")]
    pub(super) no_registry: bool,
    /// Builds again from scratch, the self-made base included.
    #[arg(long)]
    pub(super) force: bool,
}
