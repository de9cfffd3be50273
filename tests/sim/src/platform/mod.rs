//! The chat platform and the people on it. It remembers what it was told and what it was given to show.
//!
//! Two channels: `hook` pushes each event to any gateway until one takes it, and knows our ids, so that sending twice is
//! harmless. `sock` is read by the gateway that holds the account, from where that confirmed to be, and shows all it is given.

mod people;
mod receive;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::inbound::{Addressed, EventKind, InboundEvent};
use proto::outbound::Resend;
use proto::time::Timestamp;

use crate::exec::Executor;
use crate::history::{Event, History};
use crate::network::Network;

pub(crate) use people::let_people_write;

/// A channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    Hook,
    Sock,
}

impl Channel {
    pub(crate) const ALL: [Self; 2] = [Self::Hook, Self::Sock];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Sock => "sock",
        }
    }

    pub(crate) fn resend(self) -> Resend {
        match self {
            Self::Hook => Resend::Harmless,
            Self::Sock => Resend::Never,
        }
    }
}

/// Name of the one account on each channel.
pub(crate) const ACCOUNT: &str = "bot";

/// What a message of a person makes the agent do, said in its first word.
pub(crate) const MANNERS: [&str; 6] = ["plain", "early", "silent", "poison", "slow", "chatter"];

/// Something a person wrote.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) number: u64,
    pub(crate) channel: Channel,
    pub(crate) group: GroupId,
    pub(crate) chat: ChatId,
    pub(crate) text: String,
}

impl Post {
    pub(crate) fn key(&self) -> String {
        format!("{}:{ACCOUNT}:{}", self.channel.name(), self.number)
    }

    pub(crate) fn event(&self) -> InboundEvent {
        InboundEvent {
            dedup_key: self.key(),
            chat: self.chat.clone(),
            sender: "ada".to_owned(),
            sender_name: "Ada".to_owned(),
            text: self.text.clone(),
            sent_at: Timestamp::from_millis(0),
            is_from_me: false,
            is_bot: false,
            trace: None,
            addressed: Addressed::No,
            kind: EventKind::Message,
            quote: None,
            files: Vec::new(),
        }
    }
}

/// The chat of a group on a channel.
pub(crate) fn chat_of(channel: Channel, group: &GroupId) -> ChatId {
    ChatId::new(format!("{}:{group}", channel.name()))
}

/// What the platform says about a chat.
pub(crate) fn seen(channel: Channel, chat: &ChatId) -> ChatSeen {
    ChatSeen {
        id: chat.clone(),
        channel: channel.name().to_owned(),
        account: ACCOUNT.to_owned(),
        name: None,
        is_group_chat: Some(true),
        seen_at: Timestamp::from_millis(0),
        parent: None,
    }
}

/// The platform's servers.
pub(crate) struct Platform {
    executor: Executor,
    network: Rc<Network>,
    history: Rc<History>,
    next: Cell<u64>,
    told: RefCell<BTreeSet<String>>,
    /// Events of the account that is read, and how far its reader confirmed to be.
    stream: RefCell<Vec<Post>>,
    confirmed: Cell<usize>,
    /// Ids of ours that the channel with a memory has shown.
    shown: RefCell<BTreeMap<OutboxId, u64>>,
}

impl Platform {
    pub(crate) fn new(executor: &Executor, network: &Rc<Network>, history: &Rc<History>) -> Rc<Self> {
        Rc::new(Self {
            executor: executor.clone(),
            network: Rc::clone(network),
            history: Rc::clone(history),
            next: Cell::default(),
            told: RefCell::default(),
            stream: RefCell::default(),
            confirmed: Cell::default(),
            shown: RefCell::default(),
        })
    }

    /// It was told that a message is taken: from now on it will not offer it again on its own account.
    fn note_taken(&self, post: &Post) {
        if self.told.borrow_mut().insert(post.key()) {
            self.history.record(Event::Accepted {
                key: post.key(),
                group: post.group.clone(),
                engages: post.text.starts_with('@'),
            });
        }
    }

    /// Whether everything that was written was taken.
    pub(crate) fn is_settled(&self) -> bool {
        self.told.borrow().len() as u64 == self.next.get()
    }
}
