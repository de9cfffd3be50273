//! A Postgres of one's own.
//!
//! * `template`: an initialised data directory, made once per version and copied for each server.
//!
//! One server serves a whole test binary: [`Postgres::fresh_database`] isolates its tests from one another.

mod server;
mod template;

pub(crate) use server::USER;
pub use server::{Postgres, PostgresOptions};
