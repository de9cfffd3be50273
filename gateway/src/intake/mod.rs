//! The way in: an adapter's event becomes chat metadata, a decision, and an inbox row.
//!
//! The adapter is answered only when the message is durable; whatever cannot be made durable now is refused visibly, so
//! that the platform sends it again. What is known of chats and groups comes from the [`Directory`]: messages of known
//! chats are taken even while the store is away, if the ingress takes them.

mod allowlist_file;
mod attachments;
mod transcription;
mod under_way;
mod unindexed;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use attachments::{FETCH_TIMEOUT, TRANSCRIBE_TIMEOUT};
use bus::{Accepted, Ingress, IngressError};
use proto::command::{Command, Verdict, asks_for_pairing, understand};
use proto::group::{Chat, ChatSeen, Group};
use proto::ids::{ChatId, GroupId};
use proto::inbound::{Envelope, InboundEvent, Intake as Decision, InvalidEvent, decide_intake};
use proto::outbound::{AfterSend, Delivery};
use proto::time::Timestamp;
use proto::trace::TraceContext;
use service::crash_point;
use store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use allowlist_file::AllowlistFile;
pub use attachments::{Attachments, FILE_BYTES_MAX};
pub use transcription::Transcriber;
use unindexed::Unindexed;
pub(crate) use watched::Watched;

use crate::channel::Channel;
use crate::command::{Commands, Heard, Next};
use crate::delivery::undelivered;
use crate::directory::Directory;
use crate::files::FileError;
use crate::metrics::{DeliveryOutcome, IntakeOutcome, Metrics};
use under_way::UnderWay;

/// How long a platform waits for its answer at most (design §7): then it is told to try again. What was in flight may
/// still be stored; the second try is then a duplicate.
pub const INTAKE_TIMEOUT: Duration = Duration::from_millis(2_500);

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// In the inbox; it calls the agent.
    Accepted,
    /// In the inbox, as context for a later turn.
    Context,
    /// It was there before.
    Duplicate,
    /// The chat belongs to no group; only its metadata was kept.
    Unregistered,
    /// The sender allowlist dropped it.
    Dropped,
    /// The assistant's own message.
    Own,
    /// A command, which was carried out or refused; nothing goes into the inbox.
    Command,
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It never will be.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// It never will be: as it travels it is larger than what can be carried.
    #[error("the message is too large: {bytes} bytes as it travels; send it in parts or as a file")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not now: the platform must send it again.
    #[error("the message could not be stored")]
    Unavailable(#[source] Cause),
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Takes events of all channels.
pub struct Intake {
    directory: Arc<Directory>,
    ingress: Arc<dyn Ingress>,
    allowlist: AllowlistFile,
    assistant_name: String,
    commands: Commands,
    metrics: Metrics,
    attachments: Attachments,
    under_way: UnderWay,
    stopping: CancellationToken,
    unindexed: Unindexed,
}

/// The node takes nothing in any more.
#[derive(Debug, thiserror::Error)]
#[error("the node is stopping")]
struct Stopping;

/// The platform must not wait any longer, and the fetch goes on.
#[derive(Debug, thiserror::Error)]
#[error("the files of the message are still being fetched")]
struct StillFetching;

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl Intake {
    /// Appends through `ingress`; `assistant_name` gives the default trigger, `commands` carries out what is one, and its ids give
    /// traces to events that come without one; files go to `attachments`. Once `stopping` is cancelled every event is refused
    /// as one to be sent again.
    #[expect(clippy::too_many_arguments, reason = "each is another part, and there is one caller")]
    pub fn new(
        directory: Arc<Directory>,
        ingress: Arc<dyn Ingress>,
        allowlist: AllowlistFile,
        assistant_name: String,
        commands: Commands,
        metrics: Metrics,
        attachments: Attachments,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            directory,
            ingress,
            allowlist,
            assistant_name,
            commands,
            metrics,
            attachments,
            under_way: UnderWay::default(),
            stopping,
            unindexed: Unindexed::default(),
        }
    }

    /// Whether something of this chat was taken here that is in no inbox yet. To be asked before the inbox: what it denies is there.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn has_unindexed(&self, chat: &ChatId, store: &dyn Store) -> store::Result<bool> {
        self.unindexed.has(chat, store).await
    }

    /// Takes one event. A chat without a group joins `joins`, where the channel's configuration names one.
    ///
    /// # Errors
    /// [`Refused`]; the adapter tells its sender.
    pub async fn take(&self, seen: &ChatSeen, event: InboundEvent, joins: Option<&GroupId>) -> Result<Taken, Refused> {
        self.take_within(INTAKE_TIMEOUT, seen, event, joins, None).await
    }

    /// As [`Intake::take`]; files are fetched from `channel`, also when the caller does not wait for that.
    ///
    /// # Errors
    /// [`Refused`]; `Unavailable` also while files are being fetched.
    pub async fn take_with_files(
        self: &Arc<Self>,
        seen: &ChatSeen,
        event: InboundEvent,
        joins: Option<&GroupId>,
        channel: &Arc<dyn Channel>,
    ) -> Result<Taken, Refused> {
        if event.files.is_empty() {
            return self.take(seen, event, joins).await;
        }
        let (sender, receiver) = oneshot::channel();
        let place = tokio::time::timeout(INTAKE_TIMEOUT, self.under_way.place(&event.dedup_key)).await;
        let Ok(Some(place)) = place else {
            return Err(Refused::Unavailable(Box::new(StillFetching)));
        };
        let (intake, channel) = (Arc::clone(self), Arc::clone(channel));
        let (seen, joins) = (seen.clone(), joins.cloned());
        self.under_way.spawn(async move {
            let limit = INTAKE_TIMEOUT + FETCH_TIMEOUT + TRANSCRIBE_TIMEOUT;
            let taken = intake
                .take_within(limit, &seen, event, joins.as_ref(), Some(&*channel))
                .await;
            drop(place);
            // Whoever asked may have gone.
            let _ = sender.send(taken);
        });
        match tokio::time::timeout(INTAKE_TIMEOUT, receiver).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(_)) | Err(_) => Err(Refused::Unavailable(Box::new(StillFetching))),
        }
    }

    /// Takes note of a chat that a channel has found, so that it can be registered before anything is said in it.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn see(&self, seen: &ChatSeen) -> Result<(), Refused> {
        self.directory.chat(seen).await?;
        Ok(())
    }

    async fn take_within(
        &self,
        limit: Duration,
        seen: &ChatSeen,
        event: InboundEvent,
        joins: Option<&GroupId>,
        channel: Option<&dyn Channel>,
    ) -> Result<Taken, Refused> {
        let taken = if self.stopping.is_cancelled() {
            Err(Refused::Unavailable(Box::new(Stopping)))
        } else {
            tokio::time::timeout(limit, self.decide_and_store(seen, event, joins, channel))
                .await
                .unwrap_or_else(|elapsed| Err(Refused::Unavailable(Box::new(elapsed))))
        };
        self.metrics.count_intake(&seen.channel, outcome(&taken));
        taken
    }

    async fn decide_and_store(
        &self,
        seen: &ChatSeen,
        mut event: InboundEvent,
        joins: Option<&GroupId>,
        channel: Option<&dyn Channel>,
    ) -> Result<Taken, Refused> {
        let chat = self.directory.chat(seen).await?;
        let group = self.group_of(&chat, joins).await?;
        let files = event.files.clone();
        let allowlist = self.allowlist.read().await;
        event
            .trace
            .get_or_insert_with(|| TraceContext::start(self.commands.ids.uuid()));
        let asks = asks_for_pairing(&event, &chat, &allowlist);
        let command = group.as_deref().and_then(|group| {
            understand(
                &event,
                &chat,
                group,
                &allowlist,
                &self.assistant_name,
                &self.commands.admins,
            )
        });
        match decide_intake(event, &chat, group.as_deref(), &allowlist, &self.assistant_name)? {
            Decision::Accept(envelope) => match (command, group.as_deref()) {
                (Some((command, verdict)), Some(group)) => {
                    let chat = &*chat;
                    self.command(command, verdict, Heard { chat, group, envelope }).await
                }
                _ => {
                    let envelope = match channel {
                        Some(channel) => self.attachments.bring(*envelope, &files, channel).await?,
                        None => *envelope,
                    };
                    self.append(envelope).await
                }
            },
            Decision::Unregistered => {
                if asks {
                    self.commands.pairings().ask(&chat).await?;
                }
                Ok(Taken::Unregistered)
            }
            Decision::Dropped => {
                if allowlist.log_denied {
                    tracing::debug!(chat.id = %chat.id, "message of a sender who is not allowed was dropped");
                }
                Ok(Taken::Dropped)
            }
            Decision::Own => Ok(Taken::Own),
        }
    }

    async fn command(&self, command: Command, verdict: Verdict, heard: Heard<'_>) -> Result<Taken, Refused> {
        match self.commands.take(command, verdict, heard).await? {
            Next::Append(mut envelope, command) => {
                envelope.text = command.as_str().to_owned();
                envelope.engages = true;
                envelope.details.command = Some(command);
                self.append(*envelope).await
            }
            Next::Done => Ok(Taken::Command),
            Next::Ignored => Ok(Taken::Dropped),
        }
    }

    async fn group_of(&self, chat: &Chat, joins: Option<&GroupId>) -> Result<Option<Arc<Group>>, Refused> {
        let parents = match (&chat.group, &chat.parent) {
            (None, Some(parent)) => self
                .directory
                .known_chat(parent)
                .await?
                .and_then(|parent| parent.group.clone()),
            _ => None,
        };
        let Some(id) = chat.group.as_ref().or(parents.as_ref()).or(joins) else {
            return Ok(None);
        };
        let Some(group) = self.directory.group(id).await? else {
            tracing::warn!(chat.id = %chat.id, group.id = %id, "the group a chat should join does not exist");
            return Ok(None);
        };
        if chat.group.is_none() {
            self.directory.register(&chat.id, id).await?;
            tracing::info!(chat.id = %chat.id, group.id = %id, "chat registered");
        }
        Ok(Some(group))
    }

    /// Tells the agent that a message of its own, which its platform had accepted, did not arrive.
    ///
    /// # Errors
    /// [`Refused::Unavailable`]: the platform must say it again.
    pub async fn tell_failed(&self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<(), Refused> {
        let dead = AfterSend::Dead {
            reason: reason.to_owned(),
        };
        let told = undelivered::tell(&*self.ingress, delivery, &dead, now).await;
        told.map_err(|error| Refused::Unavailable(Box::new(error)))?;
        tracing::error!(delivery.id = %delivery.id, channel.name = delivery.channel, reason, "an accepted message did not arrive");
        self.metrics.count_delivery(&delivery.channel, DeliveryOutcome::Dead);
        Ok(())
    }

    async fn append(&self, envelope: Envelope) -> Result<Taken, Refused> {
        let engages = envelope.engages;
        let (group, chat) = (envelope.group.clone(), envelope.chat.clone());
        let accepted = self.ingress.accept(envelope).await;
        if let Ok(Accepted {
            log_sequence: Some(sequence),
            ..
        }) = accepted
        {
            self.unindexed.note(chat, &group, sequence);
        }
        crash_point!("intake.accepted");
        match accepted {
            Ok(Accepted { is_new: false, .. }) => Ok(Taken::Duplicate),
            Ok(Accepted { .. }) if engages => Ok(Taken::Accepted),
            Ok(Accepted { .. }) => Ok(Taken::Context),
            // Removed between the decision and the append, or a little earlier by somebody else.
            Err(IngressError::NoSuchGroup(_)) => {
                self.directory.forget_group(&group);
                Ok(Taken::Unregistered)
            }
            Err(IngressError::TooLarge { bytes }) => Err(Refused::TooLarge { bytes }),
            Err(IngressError::Unavailable(cause)) => Err(Refused::Unavailable(cause)),
        }
    }
}

fn outcome(taken: &Result<Taken, Refused>) -> IntakeOutcome {
    match taken {
        Ok(Taken::Accepted) => IntakeOutcome::Accepted,
        Ok(Taken::Context) => IntakeOutcome::Context,
        Ok(Taken::Duplicate) => IntakeOutcome::Duplicate,
        Ok(Taken::Unregistered) => IntakeOutcome::Unregistered,
        Ok(Taken::Dropped) => IntakeOutcome::Dropped,
        Ok(Taken::Own) => IntakeOutcome::Own,
        Ok(Taken::Command) => IntakeOutcome::Command,
        Err(Refused::Invalid(_) | Refused::TooLarge { .. }) => IntakeOutcome::Invalid,
        Err(Refused::Unavailable(_)) => IntakeOutcome::Unavailable,
    }
}

#[cfg(test)]
mod attachment_tests;
#[cfg(test)]
mod tests;
