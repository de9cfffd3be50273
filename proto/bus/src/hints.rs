//! Hints: "look now". They make things fast; nothing depends on one arriving.

use async_trait::async_trait;
use proto::ids::GroupId;
use proto::ipc::Progress;

/// Something worth looking at now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A group became ready: any runner with a free slot may claim.
    Wake,
    /// The inbox of a group grew.
    Inbox(GroupId),
    /// An account has something to send.
    Outbox {
        /// Channel of the account.
        channel: String,
        /// The account.
        account: String,
    },
    /// The agent of a group began or stopped working.
    Working {
        /// The group.
        group: GroupId,
        /// Whether it works.
        on: bool,
    },
    /// Something to watch while the agent works.
    Progress {
        /// The group.
        group: GroupId,
        /// What.
        progress: Progress,
    },
}

/// Publishes and hears hints.
pub trait Hints: Send + Sync + 'static {
    /// Publishes; never blocks, never fails.
    fn publish(&self, hint: Hint);
    /// Hears everything that is published from now on.
    fn listen(&self) -> Box<dyn Listener>;
}

/// One listener.
#[async_trait]
pub trait Listener: Send {
    /// The next hint. `None` means that some were missed: sweep.
    async fn next(&mut self) -> Option<Hint>;
}
