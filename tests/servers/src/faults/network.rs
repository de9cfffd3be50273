//! The state of the network, as every connection sees it.

use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

/// What the network does now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Network {
    /// Bytes to the server wait here.
    pub(super) requests_held: bool,
    /// Bytes to the client wait here.
    pub(super) answers_held: bool,
    /// Between a byte's arrival and its departure.
    pub(super) delay: Duration,
    /// How often the servers' side has lost its connections.
    pub(super) forgotten: u64,
    /// How often the network was healed.
    pub(super) healed: u64,
}

impl Network {
    pub(super) fn passes(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToServer => !self.requests_held,
            Direction::ToClient => !self.answers_held,
        }
    }
}
