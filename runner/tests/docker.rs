//! The Docker runtime on a real engine (`DOCKER_HOST`, else Docker's usual socket). A missing engine is a failure.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "docker/engine.rs"]
mod engine;
#[path = "docker/group.rs"]
mod group;
#[path = "docker/hardening.rs"]
mod hardening;
#[path = "docker/life.rs"]
mod life;
