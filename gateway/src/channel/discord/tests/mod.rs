//! The adapter over the stand-in for Discord, and its pure parts by tables.

mod conformance;
mod events;
mod feed;
mod sends;
mod subject;
