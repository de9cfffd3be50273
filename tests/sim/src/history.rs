//! What happened, as somebody outside saw it: the platform, the model, the hosts. The checker reads nothing else but the
//! rows at the end.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::time::Duration;

use proto::claim::Fence;
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, OutboxId, TurnId};
use proto::task::{FireReport, FireTask, RunOutcome, RunsOf, Task, TaskId, TaskRun, TaskState};
use proto::time::Timestamp;
use proto::turn::TurnCommit;
use store::Store;
use store::memory::MemoryStore;

use crate::exec::Executor;
use crate::network::at_once;
use crate::sandbox::Tree;
use crate::witness::Witness;

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
        /// By the clock of its runner, that one had no right to act any more.
        fenced: bool,
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
    /// A sandbox ran on for long although its runner was up, knew that it was fenced, and could have paused it.
    RanFenced { group: GroupId, sandbox: u64 },
    /// An agent found these files when it began.
    Found { group: GroupId, epoch: Epoch, files: Tree },
    /// An agent left something in a file for the message at this position.
    Wrote { group: GroupId, epoch: Epoch, ord: i64 },
    /// A turn committed.
    Committed {
        group: GroupId,
        epoch: Epoch,
        through: InboxOrd,
    },
    /// A blob was removed, or looked for in vain, that the committed snapshot of its group needs.
    BlobMissed { group: GroupId, blob: String },
    /// A due task was dealt with.
    Fired(Fired),
    /// Somebody stored a task as they want it.
    Changed { task: TaskId, state: TaskState },
    /// A task stood like this when it was made to be due no more.
    Closed { task: Box<Task> },
}

/// What became of a due task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fired {
    pub(crate) task: TaskId,
    pub(crate) admitted: Vec<Timestamp>,
    /// Its firings that had come to their end by then.
    pub(crate) ended: usize,
    /// The wall clock of the leader.
    pub(crate) at: Timestamp,
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

impl Witness for History {
    fn fired(&self, rows: &MemoryStore, fire: &FireTask, report: &FireReport, at: Timestamp) {
        let runs = at_once(rows.task_runs(&RunsOf::Task(fire.task.clone()), u32::MAX)).unwrap_or_default();
        let was_work = |run: &&TaskRun| !matches!(run.outcome, RunOutcome::Skipped | RunOutcome::Missed);
        self.record(Event::Fired(Fired {
            task: fire.task.clone(),
            admitted: report.admitted.clone(),
            ended: runs.iter().filter(was_work).count(),
            at,
        }));
    }

    fn changed(&self, task: &Task) {
        self.record(Event::Changed {
            task: task.id.clone(),
            state: task.state,
        });
    }

    fn committed(&self, fence: &Fence, commit: &TurnCommit) {
        self.record(Event::Committed {
            group: fence.group.clone(),
            epoch: fence.epoch,
            through: commit.through,
        });
    }
}
