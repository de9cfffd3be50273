//! The images there are, and in what they differ.

use clap::ValueEnum;

/// An image we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// What the agents run in.
    Agent,
    /// What gateway, scheduler and runner of a fleet run in: this very program.
    Service,
}

impl Kind {
    /// Name of the image when no other is asked for.
    pub(super) fn tag_default(self) -> &'static str {
        match self {
            Self::Agent => "clawhold-agent:latest",
            Self::Service => "clawhold:latest",
        }
    }

    /// The base when nothing else is asked for; the Dockerfile has the same default.
    pub(super) fn base_default(self) -> &'static str {
        match self {
            Self::Agent => "node:22-slim",
            Self::Service => "debian:trixie-slim",
        }
    }

    /// What a base of our own holds: the Dockerfile adds what is missing, but a base that has it saves the download.
    pub(super) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Agent => &["ca-certificates", "curl", "git", "nodejs", "ripgrep"],
            Self::Service => &["ca-certificates"],
        }
    }

    /// What it is called when we speak of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent image",
            Self::Service => "service image",
        }
    }
}
