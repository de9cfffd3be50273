//! What every channel must do, as one suite that each adapter passes over its stand-in: the suite is the meaning of
//! [`Channel`].
//!
//! An adapter implements [`Subject`] in its tests and calls [`channel_conformance!`]. The scenarios run the real delivery
//! loop, the real receiver and real rows; only the platform is a stand-in, behind real sockets. A platform that cannot do
//! something (edits, threads, …) says so in its [`Traits`], and the scenario then checks nothing.

mod gateway;
mod heard;
pub(super) mod hostile;
pub(super) mod races;
pub(super) mod receiving;
mod rig;
pub(super) mod sending;

use std::sync::Arc;

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform};
use proto::ids::ChatId;

use super::{Channel, ChannelDeps};
pub(crate) use gateway::Gateway;
pub(crate) use heard::Heard;
pub(crate) use rig::{Rig, bare_delivery, channel_deps, install_crypto, receive_until, until};

/// What becomes of a message whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(dead_code, reason = "each is the promise of some channel, present or to come")]
pub(crate) enum Promise {
    /// It arrives once: the platform knows an idempotency key, or can be asked at any time.
    Exact,
    /// It arrives once, but for at most this share of all messages that nobody knows about afterwards.
    Reconciled {
        /// Of all messages.
        uncertain_share_max: f64,
    },
    /// It arrives once at most, and what arrived is known: only of what did not is nothing known afterwards.
    Told,
    /// It arrives once at most.
    AtMostOnce,
    /// It arrives once at least.
    AtLeastOnce,
}

/// What a platform and its adapter can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// What becomes of a message whose answer was lost.
    pub(crate) promise: Promise,
    /// The platform tells that a message was changed.
    pub(crate) edits: bool,
    /// The platform tells that a message was taken back.
    pub(crate) deletes: bool,
    /// Threads or topics are chats of their own.
    pub(crate) threads: bool,
    /// There are chats of several people, in which the assistant must be mentioned.
    pub(crate) rooms: bool,
    /// The feed is a poll or a socket of this gateway, and not (only) a webhook.
    pub(crate) feed: bool,
    /// Messages have reactions.
    pub(crate) reactions: bool,
    /// The platform calls us to tell what became of a message: who sends must be called.
    pub(crate) receipts: bool,
}

/// What people do, and the platform with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act<'a> {
    /// Somebody writes in the room, and does not mention the assistant.
    Say(&'a str),
    /// Somebody writes in the room and mentions the assistant in the platform's way.
    Mention(&'a str),
    /// Somebody writes to the assistant alone.
    Direct(&'a str),
    /// Somebody writes in a thread of the room: the same thread every time.
    InThread(&'a str),
    /// The author of the last message changes its text.
    Edit(&'a str),
    /// The author of the last message takes it back.
    Delete,
    /// Somebody posts a file of this name and content in the room (or directly, without rooms), mentioning the assistant.
    Attach(&'a str, &'a [u8]),
    /// The platform delivers its last event once more.
    Repeat,
    /// Somebody writes two messages to the assistant alone, and the second one arrives first.
    Swapped(&'a str, &'a str),
    /// The platform delivers again what it could not deliver before; of use for webhooks only.
    Redeliver,
}

/// Something the assistant has said, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Its text without formatting.
    pub(crate) text: String,
    /// The content of its file.
    pub(crate) file: Option<Vec<u8>>,
}

/// An adapter over its stand-in.
#[async_trait]
pub(crate) trait Subject: Sized + Send + Sync + 'static {
    /// What it can do.
    const TRAITS: Traits;

    /// Starts the stand-in: an account, a room with people in it, a person who writes to the assistant alone.
    async fn start() -> Self;

    /// The adapter of one more gateway for this account.
    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel>;

    /// The stand-in's server.
    fn platform(&self) -> &RunningPlatform;

    /// What goes wrong on the way to it.
    fn faults(&self) -> &Faults;

    /// Part of the path of the call that sends a text: the faults of a scenario are met there.
    fn send_path(&self) -> &'static str;

    /// The room; without rooms the direct chat.
    fn room(&self) -> ChatId;

    /// The chat of the assistant and one person.
    fn direct(&self) -> ChatId;

    /// The thread that [`Act::InThread`] writes in.
    fn thread(&self) -> Option<ChatId> {
        None
    }

    /// Makes that many more chats to send to, of any kind.
    fn more_chats(&self, count: usize) -> Vec<ChatId>;

    /// The gateway's routes are served below this address from now on.
    async fn listen(&self, _base_url: &str) {}

    /// Whether everything that the platform pushes was taken.
    fn has_told(&self) -> bool {
        true
    }

    /// People do something. Events that the platform pushes have been pushed when it returns.
    async fn act(&self, act: Act<'_>);

    /// What the assistant has said in a chat, in order.
    fn read(&self, chat: &ChatId) -> Vec<Read>;

    /// Reactions of the assistant in the room, in order.
    fn reactions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Takes the account's credentials away, or gives them back.
    fn revoke(&self, revoked: bool);
}

/// Makes a test of every scenario for a [`Subject`].
macro_rules! channel_conformance {
    ($subject:ty) => {
        $crate::channel::conformance::channel_conformance! { @ $subject;
            sending {
                a_text_arrives_once_and_is_known_by_its_id,
                texts_arrive_in_order_even_when_one_must_wait,
                a_text_of_any_length_arrives_whole,
                markdown_never_keeps_a_text_from_arriving,
                a_busy_platform_is_asked_again_when_it_says,
                one_attempt_is_one_call,
                an_answer_of_5xx_keeps_the_promise,
                a_reset_before_or_after_keeps_the_promise,
                a_slow_peer_does_not_hold_up_other_chats,
                a_platform_that_is_away_loses_and_doubles_nothing,
                a_revoked_account_waits_and_goes_on_in_order,
                a_file_is_sent_with_its_caption,
                a_reaction_is_made,
                an_answer_in_a_thread_stays_in_the_thread,
            }
            receiving {
                a_duplicate_is_taken_once,
                an_update_that_comes_late_is_taken,
                an_edit_is_context,
                a_deletion_is_context,
                a_file_is_named_and_can_be_fetched,
                a_thread_is_a_chat_of_its_own_in_the_same_group,
                only_who_is_meant_engages,
                nothing_is_missed_while_the_connection_is_away,
                a_revoked_account_is_refused_and_recovers,
            }
            races {
                of_two_gateways_one_reads_and_the_other_takes_over,
                a_gateway_killed_while_sending_keeps_the_promise,
            }
            hostile {
                a_hostile_platform_keeps_the_promise,
            }
        }
    };
    (@ $subject:ty; $($area:ident { $($scenario:ident,)* })*) => {
        $(mod $area {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                $crate::channel::conformance::$area::$scenario::<$subject>().await;
            })*
        })*
    };
}
pub(crate) use channel_conformance;
