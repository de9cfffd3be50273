//! Hosts and the sandboxes on them. A sandbox is a process of its own: it outlives its runner, and stands still when paused.

mod agent;
mod disk;
mod host;
mod proxy;
mod watchdog;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proto::claim::Fence as GroupFence;
use proto::ids::{InboxOrd, SessionId, TurnId};
use proto::inbound::{Envelope, InboxMessage};
use proto::ipc::AgentResult;
use proto::outbound::Reply;
use proto::task::TaskId;
use proto::time::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::exec::{Life, Process};
use crate::history::{Event, History};
use crate::network::Mailbox;
pub(crate) use disk::{Disk, Tree, file_for};
pub(crate) use host::{Host, RuntimeAway};
pub(crate) use proxy::{Proxy, TrustOfRunner};

/// Exit code of an agent that missed its runner's heartbeat.
pub(crate) const EXIT_HOST_SILENT: i64 = 75;

/// What is handed to an agent.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    pub(crate) turn: TurnId,
    pub(crate) uuid: Uuid,
    pub(crate) through: InboxOrd,
    pub(crate) messages: Vec<InboxMessage>,
}

/// What an agent is told.
#[derive(Clone, Debug)]
pub(crate) enum ToAgent {
    Prompt(Prompt),
    /// The request with this number was done, or not.
    Answer {
        request: u64,
        done: bool,
    },
    Close,
}

/// What an agent says.
#[derive(Clone, Debug)]
pub(crate) enum FromAgent {
    Ready,
    Result(Box<AgentResult>),
    SendMessage {
        request: u64,
        key: String,
        text: String,
    },
    /// The transcript shows this prompt.
    Transcript {
        request: u64,
        session: SessionId,
        uuid: Uuid,
    },
}

/// One sandbox.
pub(crate) struct Sandbox {
    pub(crate) number: u64,
    pub(crate) fence: GroupFence,
    pub(crate) process: Process,
    pub(crate) to_agent: Mailbox<ToAgent>,
    pub(crate) from_agent: Mailbox<FromAgent>,
    pub(crate) proxy: Rc<Proxy>,
    /// Moved by the runner while it trusts itself.
    pub(crate) heart: Cell<u64>,
    /// Set by the agent, taken by the runner.
    pub(crate) sign_of_life: Cell<bool>,
    pub(crate) exit: watch::Sender<Option<i64>>,
    host: String,
    /// The group's workspace on the host.
    disk: Rc<RefCell<Disk>>,
    /// Whether it was given work, so that it may write to the workspace.
    at_work: Cell<bool>,
    history: Rc<History>,
    /// Whether the history has it as running.
    shown_running: Cell<bool>,
    hung: Cell<bool>,
    requests: Cell<u64>,
    answers: RefCell<Vec<(u64, bool)>>,
}

impl Sandbox {
    fn exit(&self, code: i64) {
        if self.exit.borrow().is_none() {
            self.process.kill();
            self.exit.send_replace(Some(code));
            self.note_running();
        }
    }

    /// Hands something over: a file in its mailbox.
    pub(crate) fn tell(&self, message: ToAgent) {
        if matches!(message, ToAgent::Prompt(_)) {
            self.at_work.set(true);
            self.note_running();
        }
        self.to_agent.put(message);
    }

    fn note_running(&self) {
        let on = self.at_work.get() && self.process.life() == Life::Running;
        if self.shown_running.replace(on) != on {
            self.history.record(Event::Runs {
                host: self.host.clone(),
                sandbox: self.number,
                group: self.fence.group.clone(),
                on,
            });
        }
    }
}

/// What a message or a firing is called in what the agent says: a firing by its task and due instant, whatever its row is called.
pub(crate) fn key_of(envelope: &Envelope) -> String {
    match &envelope.task {
        Some(firing) => firing_key(&firing.task, firing.due_at),
        None => envelope.dedup_key.clone(),
    }
}

/// What a firing is called in what the agent says.
pub(crate) fn firing_key(task: &TaskId, due: Timestamp) -> String {
    format!("task:{task}:{}", due.as_millis())
}

/// A text said early is the same in every attempt at the same message.
pub(crate) fn early_text(key: &str) -> String {
    format!("early {key}")
}

/// A notice of the system, told once under its key.
pub(crate) fn notice_text(key: &str) -> String {
    format!("notice {key}")
}

/// A reply names the messages it answers.
pub(crate) fn answer_text(keys: &[String]) -> String {
    format!("answer {}", keys.join(" "))
}

/// Messages that a text answers; none if it is no answer.
pub(crate) fn answered_keys(text: &str) -> Vec<String> {
    text.strip_prefix("answer ")
        .map(|keys| keys.split(' ').map(str::to_owned).collect())
        .unwrap_or_default()
}

/// A reply without chat and key, which the runner fills in.
pub(crate) fn said(key: String, chat: proto::ids::ChatId, text: String) -> Reply {
    Reply {
        key,
        chat,
        text,
        sender: None,
        extra: None,
    }
}
