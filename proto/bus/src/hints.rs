//! Hints: "look now". They make things fast; nothing depends on one arriving.

use async_trait::async_trait;
use proto::ids::{ChatId, GroupId, OutboxId, RunnerId};
use proto::ipc::Progress;

/// Something worth looking at now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A group became ready and has no owner.
    Ready {
        /// Runner to ask first, since it may claim at once; none: any runner with a free slot.
        runner: Option<RunnerId>,
    },
    /// The inbox of a group grew.
    Inbox {
        /// The group.
        group: GroupId,
        /// Runner that serves it, where known.
        owner: Option<RunnerId>,
        /// Whether by something that calls the agent.
        engages: bool,
    },
    /// Somebody wants the running turn of a group to end.
    Stop {
        /// The group.
        group: GroupId,
        /// Runner that serves it, where known.
        owner: Option<RunnerId>,
    },
    /// An account has something to send.
    Outbox {
        /// Channel of the account.
        channel: String,
        /// The account.
        account: String,
        /// The new row and its chat, where known: then nothing else needs to be looked for.
        row: Option<(OutboxId, ChatId)>,
    },
    /// The agent of a group began or stopped working.
    Working {
        /// The group.
        group: GroupId,
        /// Chat its answer goes to.
        chat: ChatId,
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
    /// A task was added or changed: the leader looks when the next one is due.
    Tasks,
}

/// What a listener wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interest {
    /// What concerns one runner: groups that are ready and were its own last, inboxes and turns of the groups it serves.
    Runner(RunnerId),
    /// Groups that are ready and that any runner may take: of several listeners one hears it.
    Ready(Room),
    /// Something to send on this account.
    Outbox {
        /// Channel of the account.
        channel: String,
        /// The account.
        account: String,
    },
    /// What happens in one group, for those who watch.
    Group(GroupId),
    /// Agents that begin or stop working, in any group: for those who show it in the chats.
    Working,
    /// Changes of tasks.
    Tasks,
}

/// Where a runner would serve another group. Of those that listen with either one hears each hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// In a slot that is free.
    Free,
    /// In the slot of an idle sandbox, which it would close.
    Idle,
}

impl Hint {
    /// Tells whom it concerns that something calls the agent of a group: its owner, else the runner that served it last, else any with
    /// a free slot.
    pub fn called(group: GroupId, owner: Option<RunnerId>, last_runner: Option<RunnerId>) -> Self {
        match owner {
            Some(_) => Self::Inbox {
                group,
                owner,
                engages: true,
            },
            None => Self::Ready { runner: last_runner },
        }
    }
}

impl Interest {
    /// Whether a hint is for a listener with this interest.
    pub fn covers(&self, hint: &Hint) -> bool {
        match (self, hint) {
            (Self::Runner(me), Hint::Ready { runner: Some(whom) } | Hint::Inbox { owner: Some(whom), .. }) => {
                me == whom
            }
            (Self::Runner(me), Hint::Stop { owner: Some(whom), .. }) => me == whom,
            // Where nobody knows the owner, it may be this one.
            (Self::Runner(_), Hint::Inbox { owner: None, .. } | Hint::Stop { owner: None, .. }) => true,
            (Self::Ready(_), Hint::Ready { runner }) => runner.is_none(),
            (
                Self::Outbox { channel, account },
                Hint::Outbox {
                    channel: in_channel,
                    account: in_account,
                    ..
                },
            ) => (channel, account) == (in_channel, in_account),
            (
                Self::Group(mine),
                Hint::Inbox { group, .. } | Hint::Working { group, .. } | Hint::Progress { group, .. },
            ) => mine == group,
            (Self::Working, Hint::Working { .. }) | (Self::Tasks, Hint::Tasks) => true,
            _ => false,
        }
    }
}

/// Publishes and hears hints.
pub trait Hints: Send + Sync + 'static {
    /// Publishes; never blocks, never fails.
    fn publish(&self, hint: Hint);
    /// Hears what of the published is of interest from now on. Dropping the listener ends it.
    fn listen(&self, interest: Interest) -> Box<dyn Listener>;
}

/// One listener.
#[async_trait]
pub trait Listener: Send {
    /// The next hint. `None` means that some were missed: sweep. Cancel-safe.
    async fn next(&mut self) -> Option<Hint>;
}
