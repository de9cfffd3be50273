//! What happened, as somebody outside saw it: the platform, the model, the hosts. The checker reads nothing else but the
//! rows at the end.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::time::Duration;

use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, OutboxId, TurnId};

use crate::exec::Executor;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The platform was told that a message is taken.
    Accepted { key: String, group: GroupId, engages: bool },
    /// The platform showed a message of ours to people.
    Shown {
        chat: ChatId,
        outbox: OutboxId,
        text: String,
    },
    /// A turn began: the cursor is where it was read.
    Began {
        group: GroupId,
        epoch: Epoch,
        cursor: InboxOrd,
    },
    /// An agent was given these messages.
    Saw {
        group: GroupId,
        turn: TurnId,
        keys: Vec<String>,
    },
    /// The model worked for an agent: the request passed, and its answer came.
    Thought {
        group: GroupId,
        epoch: Epoch,
        from: Duration,
    },
    /// An agent decided to say nothing about these messages.
    Silent { turn: TurnId, keys: Vec<String> },
    /// A sandbox that was given work began or stopped to run on a host: it may write to the group's workspace there.
    Runs {
        host: String,
        sandbox: u64,
        group: GroupId,
        on: bool,
    },
    /// A sandbox ran on although its runner had been gone for too long.
    Orphan { group: GroupId, sandbox: u64 },
    /// Somebody trusts itself to hold a lease until then, if it lives.
    Holds {
        lease: String,
        holder: String,
        until: Duration,
    },
    /// The process at this seat is gone.
    Died { seat: String },
}

/// The history of a run, and the notes of the actors for whoever reads a failure.
pub(crate) struct History {
    executor: Executor,
    events: RefCell<Vec<(Duration, Event)>>,
    notes: RefCell<Vec<Note>>,
    keeps_notes: Cell<bool>,
}

/// A line for people.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) at: Duration,
    pub(crate) group: Option<GroupId>,
    pub(crate) text: String,
}

impl History {
    pub(crate) fn new(executor: &Executor, keeps_notes: bool) -> Self {
        Self {
            executor: executor.clone(),
            events: RefCell::default(),
            notes: RefCell::default(),
            keeps_notes: Cell::new(keeps_notes),
        }
    }

    pub(crate) fn record(&self, event: Event) {
        self.events.borrow_mut().push((self.executor.now(), event));
    }

    /// Leaves a line for people; costs nothing unless they asked for it.
    pub(crate) fn note(&self, group: Option<&GroupId>, text: impl Display) {
        if self.keeps_notes.get() {
            let note = Note {
                at: self.executor.now(),
                group: group.cloned(),
                text: text.to_string(),
            };
            self.notes.borrow_mut().push(note);
        }
    }

    pub(crate) fn events(&self) -> Vec<(Duration, Event)> {
        self.events.borrow().clone()
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.borrow().clone()
    }
}
