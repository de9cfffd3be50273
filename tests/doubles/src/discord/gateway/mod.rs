//! The gateway: sessions that collect events, and sockets that carry them.
//!
//! A session outlives its socket. Each keeps its newest events; a socket sends what the session has and it has not sent yet,
//! so that a replay after a resume is no special case.

mod frames;
mod session;
mod socket;

pub(super) use session::{Gateway, Order, STARTS_PER_DAY};
pub(super) use socket::open;

/// What a session wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Intents(pub(super) u64);

impl Intents {
    /// Events that everybody hears.
    pub(super) const NONE: Self = Self(0);
    pub(super) const GUILDS: Self = Self(1);
    pub(super) const GUILD_MEMBERS: Self = Self(1 << 1);
    pub(super) const GUILD_PRESENCES: Self = Self(1 << 8);
    pub(super) const GUILD_MESSAGES: Self = Self(1 << 9);
    pub(super) const GUILD_MESSAGE_REACTIONS: Self = Self(1 << 10);
    pub(super) const DIRECT_MESSAGES: Self = Self(1 << 12);
    pub(super) const DIRECT_MESSAGE_REACTIONS: Self = Self(1 << 13);
    pub(super) const MESSAGE_CONTENT: Self = Self(1 << 15);
    /// Those that the owner must switch on for the application.
    pub(super) const PRIVILEGED: Self = Self(Self::GUILD_MEMBERS.0 | Self::GUILD_PRESENCES.0 | Self::MESSAGE_CONTENT.0);
    /// All that exist.
    pub(super) const KNOWN: Self = Self(0x331_FFFF);

    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
