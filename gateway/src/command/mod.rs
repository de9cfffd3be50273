//! Commands that people give in their chats: what [`proto::command`] recognises and allows is carried out here, or put into the
//! inbox where it belongs in order with the messages.
//!
//! Every answer is a notice of the system under a key made of the message's: a message that the platform delivers again is
//! carried out again and answered once.

mod group_for;
mod pairing;
mod texts;

use std::sync::Arc;

use bus::{Hint, Hints};
use chrono_tz::Tz;
use proto::command::{ADMINS_ONLY, Command, Pair, SessionCommand, Verdict};
use proto::group::{Chat, Group};
use proto::ids::{IdSource, OutboxId};
use proto::inbound::Envelope;
use proto::outbound::Reply;
use proto::time::Clock;
use store::Store;

use crate::directory::Directory;

pub use pairing::{Approved, Pairings, Waiting};

/// Carries commands out.
pub struct Commands {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of notices, and codes.
    pub ids: Arc<dyn IdSource>,
    /// Forgets chats that were paired.
    pub directory: Arc<Directory>,
    /// Who may command outside of main, as `<channel>:<user id>`.
    pub admins: Vec<String>,
    /// Zone in which "today" begins for groups that have none.
    pub zone: Tz,
}

/// What is to be done with a message that is a command.
pub(crate) enum Next {
    /// It goes into the inbox as this.
    Append(Box<Envelope>, SessionCommand),
    /// It is done, or was refused visibly.
    Done,
    /// Nobody is told.
    Ignored,
}

/// A command as it was heard.
pub(crate) struct Heard<'a> {
    pub(crate) chat: &'a Chat,
    pub(crate) group: &'a Group,
    pub(crate) envelope: Box<Envelope>,
}

impl Commands {
    /// Carries a command out, or says what is to be done with it.
    pub(crate) async fn take(&self, command: Command, verdict: Verdict, heard: Heard<'_>) -> store::Result<Next> {
        match (verdict, command) {
            (Verdict::Ignored, _) => Ok(Next::Ignored),
            (Verdict::Refused, _) => {
                self.answer(&heard, ADMINS_ONLY.to_owned()).await?;
                Ok(Next::Done)
            }
            (Verdict::Allowed, Command::Session(command)) => Ok(Next::Append(heard.envelope, command)),
            (Verdict::Allowed, command) => {
                if let Some(text) = self.carry_out(&command, &heard).await? {
                    self.answer(&heard, text).await?;
                }
                Ok(Next::Done)
            }
        }
    }

    /// The answer, unless the chat hears of it in another way.
    async fn carry_out(&self, command: &Command, heard: &Heard<'_>) -> store::Result<Option<String>> {
        let group = &heard.group.id;
        match command {
            Command::Stop => Ok(match self.store.stop_turn(group, self.clock.now()).await? {
                Some(owner) => {
                    let group = group.clone();
                    self.hints.publish(Hint::Stop { group, owner });
                    // The turn itself says that it was stopped.
                    None
                }
                None => Some(texts::NOTHING_RUNS.to_owned()),
            }),
            Command::Status => {
                let standing = self.store.group_standing(group).await?;
                let activity = self.store.chat_activity(&heard.chat.id).await?;
                Ok(Some(texts::status(heard.group, &standing, &activity, self.clock.now())))
            }
            Command::Cost => self.cost(heard.group).await.map(Some),
            Command::Pair(pair) => self.pair(pair, heard).await.map(Some),
            // Never comes here: it is a turn.
            Command::Session(_) => Ok(None),
        }
    }

    async fn cost(&self, group: &Group) -> store::Result<String> {
        let zone = group.settings.zone().unwrap_or(self.zone);
        let starts = texts::starts(zone, self.clock.now());
        let mut totals = Vec::with_capacity(starts.len());
        for (span, since) in starts {
            totals.push((span, self.store.usage_since(&group.id, since).await?));
        }
        Ok(texts::cost(&totals))
    }

    async fn pair(&self, pair: &Pair, heard: &Heard<'_>) -> store::Result<String> {
        let by = format!("{}:{}", heard.chat.channel, heard.envelope.sender);
        let pairings = self.pairings();
        Ok(match pair {
            Pair::Ask => format!("This chat belongs to the group {}.", heard.group.id),
            Pair::List => texts::pairings(&pairings.list().await?),
            Pair::Approve { code, group } => match pairings.approve(code, group.as_deref(), &by).await? {
                Ok(approved) => format!("{} belongs to the group {} now.", approved.chat, approved.group),
                Err(reason) => reason,
            },
            Pair::Reject { code } => match pairings.reject(code, &by).await? {
                Ok(chat) => format!("{chat} was rejected."),
                Err(reason) => reason,
            },
        })
    }

    /// Pairing, for whoever may do it.
    pub fn pairings(&self) -> Pairings {
        Pairings {
            store: Arc::clone(&self.store),
            hints: Arc::clone(&self.hints),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            directory: Arc::clone(&self.directory),
        }
    }

    async fn answer(&self, heard: &Heard<'_>, text: String) -> store::Result<()> {
        let key = format!("command:{}", heard.envelope.dedup_key);
        let notice = Reply {
            key: key.clone(),
            chat: heard.chat.id.clone(),
            text,
            sender: None,
            extra: None,
        };
        let fresh = OutboxId(self.ids.uuid());
        let recorded = self.store.put_notice(&key, &notice, fresh, self.clock.now()).await?;
        self.hints.publish(Hint::Outbox {
            channel: heard.chat.channel.clone(),
            account: heard.chat.account.clone(),
            row: Some((recorded.outbox_id(), notice.chat)),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
