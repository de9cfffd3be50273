//! The command line of `clawhold image`.

use clap::{Args, Subcommand};

use super::kind::Kind;

/// Makes the images: the one the agents run in, and the one the services of a fleet run in.
#[derive(Args, Debug)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    pub(super) command: ImageCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// Builds an image; does nothing when it is up to date.
    Build(BuildArgs),
}

#[derive(Args, Debug)]
pub(super) struct BuildArgs {
    /// Which image.
    #[arg(value_enum, default_value_t = Kind::Agent)]
    pub(super) kind: Kind,
    /// Name the image gets [default: clawhold-agent:latest, clawhold:latest].
    #[arg(long)]
    tag: Option<String>,
    /// Image to build on, Debian-like; for agents with Node 20 or newer [default: node:22-slim, debian:trixie-slim, or
    /// Debian packages without a registry].
    #[arg(long, value_name = "IMAGE")]
    pub(super) base_image: Option<String>,
    /// Asks no registry: makes the base from Debian packages (needs mmdebstrap).
    #[arg(long, conflicts_with = "base_image")]
    pub(super) no_registry: bool,
    /// Builds again from scratch, the self-made base included.
    #[arg(long)]
    pub(super) force: bool,
}

impl BuildArgs {
    /// Name the image gets.
    pub(super) fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or(self.kind.tag_default())
    }
}
