//! The way in: an adapter's event becomes chat metadata, a decision, and an inbox row.
//!
//! The adapter is answered only when the message is durable; whatever cannot be stored now is refused visibly, so that
//! the platform sends it again. Nothing is dropped silently for lack of a store.

mod allowlist_file;

use std::sync::Arc;
use std::time::Duration;

use bus::{Accepted, Ingress, IngressError};
use proto::group::{Chat, ChatSeen, Group};
use proto::ids::GroupId;
use proto::inbound::{Envelope, InboundEvent, Intake as Decision, InvalidEvent, decide_intake};
use service::crash_point;
use store::Store;
use tokio_util::sync::CancellationToken;

pub use allowlist_file::AllowlistFile;

use crate::metrics::{IntakeOutcome, Metrics};

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
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It never will be.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
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
    store: Arc<dyn Store>,
    ingress: Arc<dyn Ingress>,
    allowlist: AllowlistFile,
    assistant_name: String,
    metrics: Metrics,
    stopping: CancellationToken,
}

/// The node takes nothing in any more.
#[derive(Debug, thiserror::Error)]
#[error("the node is stopping")]
struct Stopping;

impl Intake {
    /// Appends through `ingress`; `assistant_name` gives the default trigger. Once `stopping` is cancelled every event is
    /// refused as one to be sent again.
    pub fn new(
        store: Arc<dyn Store>,
        ingress: Arc<dyn Ingress>,
        allowlist: AllowlistFile,
        assistant_name: String,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            store,
            ingress,
            allowlist,
            assistant_name,
            metrics,
            stopping,
        }
    }

    /// Takes one event. A chat without a group joins `joins`, where the channel's configuration names one.
    ///
    /// # Errors
    /// [`Refused`]; the adapter tells its sender.
    pub async fn take(&self, seen: &ChatSeen, event: InboundEvent, joins: Option<&GroupId>) -> Result<Taken, Refused> {
        let taken = if self.stopping.is_cancelled() {
            Err(Refused::Unavailable(Box::new(Stopping)))
        } else {
            tokio::time::timeout(INTAKE_TIMEOUT, self.decide_and_store(seen, event, joins))
                .await
                .unwrap_or_else(|elapsed| Err(Refused::Unavailable(Box::new(elapsed))))
        };
        self.metrics.count_intake(&seen.channel, outcome(&taken));
        taken
    }

    async fn decide_and_store(
        &self,
        seen: &ChatSeen,
        event: InboundEvent,
        joins: Option<&GroupId>,
    ) -> Result<Taken, Refused> {
        let known = self.store.chat(&seen.id).await?;
        let is_new = known.is_none();
        let chat = match known {
            Some(chat) => chat,
            None => self.store.see_chat(seen).await?,
        };
        let group = self.group_of(&chat, joins).await?;
        let allowlist = self.allowlist.read().await;
        let sees = async {
            if is_new {
                Ok(())
            } else {
                self.store.see_chat(seen).await.map(drop)
            }
        };
        match decide_intake(event, &chat, group.as_ref(), &allowlist, &self.assistant_name)? {
            Decision::Accept(envelope) => {
                // Side by side, so that both share one group commit of the store.
                let (taken, seen_again) = tokio::join!(self.append(envelope), sees);
                if let Err(error) = seen_again {
                    // The next event of this chat says the same again; the message itself decides the answer.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "chat metadata could not be refreshed"
                    );
                }
                taken
            }
            Decision::Unregistered => sees.await.map(|()| Taken::Unregistered).map_err(Refused::from),
            Decision::Dropped => {
                if allowlist.log_denied {
                    tracing::debug!(chat.id = %chat.id, "message of a sender who is not allowed was dropped");
                }
                sees.await.map(|()| Taken::Dropped).map_err(Refused::from)
            }
            Decision::Own => sees.await.map(|()| Taken::Own).map_err(Refused::from),
        }
    }

    async fn group_of(&self, chat: &Chat, joins: Option<&GroupId>) -> Result<Option<Group>, Refused> {
        let Some(id) = chat.group.as_ref().or(joins) else {
            return Ok(None);
        };
        let Some(group) = self.store.group(id).await? else {
            tracing::warn!(chat.id = %chat.id, group.id = %id, "the group a chat should join does not exist");
            return Ok(None);
        };
        if chat.group.is_none() {
            self.store.register_chat(&chat.id, Some(id)).await?;
            tracing::info!(chat.id = %chat.id, group.id = %id, "chat registered");
        }
        Ok(Some(group))
    }

    async fn append(&self, envelope: Envelope) -> Result<Taken, Refused> {
        let engages = envelope.engages;
        let accepted = self.ingress.accept(envelope).await;
        crash_point!("intake.accepted");
        match accepted {
            Ok(Accepted::New) if engages => Ok(Taken::Accepted),
            Ok(Accepted::New) => Ok(Taken::Context),
            Ok(Accepted::Duplicate) => Ok(Taken::Duplicate),
            // Removed between the decision and the append.
            Err(IngressError::NoSuchGroup(_)) => Ok(Taken::Unregistered),
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
        Err(Refused::Invalid(_)) => IntakeOutcome::Invalid,
        Err(Refused::Unavailable(_)) => IntakeOutcome::Unavailable,
    }
}

#[cfg(test)]
mod tests;
