//! The proxy over real sockets, between a plain HTTP client and an upstream.

mod oauth;
mod passing;
mod place;
mod streams;
