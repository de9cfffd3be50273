//! What happens to a run, and what the run wants done.

use super::OpenTurn;
use crate::ids::{InboxOrd, TurnId};
use crate::inbound::InboxMessage;
use crate::ipc::{AgentResult, CloseReason};
use crate::turn::TurnBatch;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Answer to [`Effect::BeginTurn`]: there is work.
    Begun(Box<TurnBatch>),
    /// Answer to [`Effect::BeginTurn`]: nothing that engages the agent is pending.
    NothingPending,
    /// Answer to [`Effect::Commit`]: it is true.
    Committed {
        /// Whether something that engages the agent was pending by then, or may have been.
        more: bool,
    },
    /// The agent has read its first prompt.
    AgentReady,
    /// The agent gave a result.
    Result(Box<AgentResult>),
    /// Messages after [`super::Run::handed`] are in the inbox, and one of them or behind them calls the agent.
    InboxGrew(Vec<InboxMessage>),
    /// The inbox is said to have grown by something that calls the agent: for one that [begins](super::Run::begins_when_called) then.
    Called,
    /// The turn was given up before it was attempted, and the claim with it.
    GivenUp,
    /// The sandbox ended, or could not be started.
    Exited(Exit),
    /// The sandbox could not start or go on through no fault of the message: the container runtime is down, the agent
    /// missed our heartbeat.
    Interrupted,
    /// Whether groups that waited longer than this one need a slot.
    OthersWait(bool),
    /// The slot is needed: close if idle.
    Evict,
    /// The runner drains: finish what was begun.
    Drain,
    /// Somebody wants the turn that is worked on to end now.
    StopTurn(TurnId),
    /// The runner stops now: drop what was begun; it will be taken up again.
    Stop,
    /// The group is no longer ours.
    FenceLost,
    /// Time passed; `alive` says whether the agent gave a sign of life since the last tick.
    Tick {
        /// Whether it did.
        alive: bool,
    },
}

/// How a sandbox ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What to tell the operator: exit code, last output, out of memory, why it did not start.
    pub reason: String,
}

/// Something to do. The shell does them in order, each to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read what is pending and open a turn; answer with `Begun` or `NothingPending`.
    BeginTurn,
    /// Start the sandbox with the batch as its first prompt.
    StartSandbox(Box<TurnBatch>),
    /// Hand a whole new turn to the warm sandbox.
    HandOver(Box<TurnBatch>),
    /// Hand further messages to the agent while it works on this turn.
    FollowUp {
        /// The turn.
        turn: TurnId,
        /// Attempt at it.
        attempt: u32,
        /// The messages, in order.
        messages: Vec<InboxMessage>,
    },
    /// Commit; answer with `Committed`.
    Commit {
        /// The turn, with the messages it covers.
        turn: OpenTurn,
        /// New cursor.
        through: InboxOrd,
        /// What the agent said about it.
        result: Box<AgentResult>,
    },
    /// Say something that answers no prompt.
    Say {
        /// The turn that is open, or else was committed last.
        turn: TurnId,
        /// Text of the agent.
        text: String,
    },
    /// Record the failed attempt; it ends the claim.
    Fail {
        /// The turn.
        turn: OpenTurn,
        /// Why.
        reason: String,
        /// Whether its session is gone.
        forget_session: bool,
    },
    /// Ask the sandbox to finish.
    Close(CloseReason),
    /// Kill the sandbox.
    Kill,
    /// End the claim; `interrupted`: give the attempt back.
    Release {
        /// Whether the charged attempt does not count.
        interrupted: bool,
    },
}
