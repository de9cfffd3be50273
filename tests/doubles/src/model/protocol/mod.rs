//! What travels between a client of the Messages API and the double. Pure: no sockets, no clocks.

pub mod error;
pub mod reply;
pub mod request;

pub(crate) mod sse;
pub(crate) mod tokens;
pub(crate) mod validate;
