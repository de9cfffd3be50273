//! What this gateway knows of chats and groups without asking the store for every message.
//!
//! It makes intake fast (no read and no write per message) and lets it go on while the store is away:
//! * What was read is believed for [`FRESH`]; so a change that another process made is seen that much later at most, plus
//!   one read. A message that arrives in between goes where its chat belonged before. A change through this gateway's own
//!   control API holds at once ([`Directory::forget_chat`], [`Directory::forget_group`]).
//! * A chat without a group is believed for [`FRESH_UNREGISTERED`] only: its messages are not kept.
//! * While the store does not answer, what is known goes on to be believed for [`STALE_MAX`]; what is not known is refused
//!   as something to be sent again.
//!
//! What events say about chats ([`Directory::note`]) is written behind, at most once per chat for [`METADATA_EVERY`]
//! unless it says something new.

mod known;
mod lookup;
mod metadata;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use lookup::Directory;

/// How long what was read is believed while the store answers.
pub const FRESH: Duration = Duration::from_secs(2);
/// How long it is believed that a chat belongs to no group: whoever registers it wants its next message heard.
pub const FRESH_UNREGISTERED: Duration = Duration::from_millis(250);
/// How long what was read is believed while the store does not answer: longer than anybody needs to bring it back.
pub const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the time at which a chat was last heard of is written.
pub const METADATA_EVERY: Duration = Duration::from_secs(30);
