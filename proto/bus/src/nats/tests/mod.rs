//! The bus over real servers, the newest and the oldest that is supported.

mod batches;
mod cluster;
mod logins;
mod outages;
mod ports;
mod streams;
mod world;
