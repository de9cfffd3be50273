//! The forwarder for images that do not bring their own: mounted, and run by the image's Node.
//!
//! `forwarder.mjs` is what the agent-runner's build makes of `src/forwarder.ts`, kept here so that the node needs neither npm
//! nor our agent image to run a foreign one. `container/agent-runner/test/` compares the two.

/// Its text.
pub(super) const FORWARDER: &[u8] = include_bytes!("forwarder.mjs");
/// Its name below `lib/`; the ending tells every Node that it is a module.
pub(super) const FORWARDER_NAME: &str = "forwarder.mjs";
/// Where it is mounted.
pub const FORWARDER_TARGET: &str = "/clawhold/forwarder.mjs";
