//! The host's side of what a group keeps: its workspace, its agent's home, and what its sandbox sees of the installation.
//!
//! [`Folders`] is the layout below the data directory, [`Folders::prepare`] makes a group ready for a start, and
//! [`build_spec`] turns all of it into a [`SandboxSpec`](crate::sandbox::SandboxSpec). Nothing here knows turns or engines.
//! Invariant: in directories an agent can write, every write goes through a held descriptor and follows no link (CR-D8), so
//! nothing an agent plants there makes the host touch anything elsewhere.

mod attachments;
mod files;
mod folders;
mod forwarder;
mod instructions;
mod owner;
mod prepare;
mod settings;
mod skills;
mod spec;
mod view;

pub use attachments::Unsendable;
pub use folders::{Folders, GroupFolders};
pub use forwarder::FORWARDER_TARGET;
pub use owner::{Owner, effective_uid};
pub use skills::Skill;
pub use spec::{FORWARD_PORT, ProxyRoute, RunMounts, SpecParts, build_spec};
pub use view::write_view;

#[cfg(test)]
mod tests;
