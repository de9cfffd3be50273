//! The network between a client and a server, with faults on command.
//!
//! * `proxy`: the listener and what a test can do to it.
//! * `connection`: the two legs of one connection.
//! * `pump`: one direction of it, with latency.
//!
//! A client dials the proxy instead of the server. It knows nothing of what passes. It runs on the runtime of the test that
//! started it, and ends with it. Order within a connection is always kept: TCP never breaks that.

mod connection;
mod network;
mod proxy;
mod pump;

pub use proxy::TcpFaults;
