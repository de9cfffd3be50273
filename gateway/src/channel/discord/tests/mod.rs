//! The adapter over the stand-in for Discord, and its pure parts by tables.

mod events;
mod feed;
mod sends;
mod subject;
