//! The engine on a real Postgres: the conformance suite, directly and through pgbouncer, and what only this engine
//! promises. Each test starts its own server, so that one that stops or freezes it disturbs nobody.
#![allow(missing_docs, clippy::unwrap_used)]

mod boot;
mod claims;
mod doubt;
mod refusals;
mod restart;
mod schema;
mod silence;
mod suite;
mod tls;
mod world;
