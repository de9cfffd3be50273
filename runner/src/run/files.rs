//! The group's files around a turn: brought here before the first sandbox of a claim, uploaded before each commit.
//!
//! On a machine whose files nobody else needs there are no snapshots, and all of this does nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use proto::group::Group;
use proto::ids::{OutboxId, TurnId};
use proto::lease::Trust;
use proto::outbound::Reply;
use proto::snapshot::SnapshotRef;
use proto::turn::TurnBatch;
use proto::turn::retry::wait_while_away;
use proto::turn::run::Event;
use tokio::time::Instant;

use super::GroupRun;
use super::launch::{LaunchError, chain};
use crate::engine::Engine;
use crate::engine::persist::until_known;
use crate::engine::slots::{Activity, Command};
use crate::snapshot::{Error, Root, Snapshots};

/// Wait before an upload is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// Time that a group whose files are away keeps its slot from others: where more of them wait than there are slots, each is looked
/// for no more often.
const KEEPS: Duration = Duration::from_secs(1);

/// Why a turn's files are not safe.
pub(super) enum NotSafe {
    /// The lease ended first: what the turn did is dropped, and done again by the next owner.
    LeaseOver,
    /// Waiting will not help: the attempt failed.
    Failed(String),
}

impl GroupRun {
    /// Brings the files to the committed snapshot, once in a claim.
    pub(super) async fn restore_files(&mut self, wanted: Option<&SnapshotRef>) -> Result<(), LaunchError> {
        let Some(snapshots) = self.engine.snapshots.clone().filter(|_| self.roots.is_none()) else {
            return Ok(());
        };
        let fence = &self.claimed.fence;
        let (engine, group) = (Arc::clone(&self.engine), self.claimed.group.clone());
        let prepare = move || prepared_roots(&engine, &group);
        match snapshots.restore(&fence.group, fence.epoch, wanted, prepare).await {
            Ok((roots, _)) => {
                self.roots = Some(roots);
                Ok(())
            }
            Err(error) if is_unavailable(&error) => Err(LaunchError::FilesAway(chain(&error))),
            Err(error) => Err(LaunchError::Failed(chain(&error))),
        }
    }

    /// Waits while the group's files are away: with the claim, so that they are not asked for by one runner after the other, and
    /// without a sandbox. Ends early for another group that needs the slot; the attempt is given back either way.
    pub(super) async fn wait_for_files(&mut self, batch: &TurnBatch, reason: &str) -> Event {
        let (engine, fence) = (Arc::clone(&self.engine), self.claimed.fence.clone());
        let wait = wait_while_away(&batch.messages, (engine.random)(), engine.clock.now());
        tracing::warn!(
            group.id = %fence.group, turn.id = %batch.turn, reason, wait_ms = wait.as_millis() as u64,
            "the files of a group cannot be brought here; its messages wait"
        );
        self.tell_working(false);
        let began = Instant::now();
        let mut yields = false;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Event::Stop,
                _ = self.trust.wait_for(|trust| *trust == Trust::Lost) => return Event::FenceLost,
                () = self.drain.cancelled() => return Event::Interrupted,
                command = self.orders.next(), if yields => match command {
                    Command::Evict => {
                        engine.slots.note(&fence, Activity::Closing);
                        return Event::Interrupted;
                    }
                    Command::StopTurn(turn) if turn == batch.turn => return Event::StopTurn(turn),
                    // Whoever has the group next reads its inbox.
                    Command::StopTurn(_) | Command::Look | Command::Called | Command::OthersWait(_) => {}
                },
                () = tokio::time::sleep_until(began + wait) => {
                    self.gives_way = true;
                    return Event::Interrupted;
                }
                () = tokio::time::sleep_until(began + KEEPS), if !yields => {
                    yields = true;
                    engine.slots.note(&fence, Activity::Idle(engine.clock.monotonic()));
                }
            }
        }
    }

    /// Uploads what the turn changed, however long the store of files is away while the lease lasts. None: nothing changed, or
    /// the group keeps more than it may, which its chat is told.
    pub(super) async fn upload_files(&mut self, turn: TurnId) -> Result<Option<SnapshotRef>, NotSafe> {
        let Some((snapshots, roots)) = self.engine.snapshots.clone().zip(self.roots.clone()) else {
            return Ok(None);
        };
        loop {
            let fence = &self.claimed.fence;
            let error = match snapshots.take(&fence.group, fence.epoch, turn, &roots).await {
                Ok(taken) => return Ok(taken),
                Err(error) if error.is_over_quota() => {
                    self.tell_over_quota(&error).await;
                    return Ok(None);
                }
                Err(error) if is_unavailable(&error) => error,
                Err(error) => return Err(NotSafe::Failed(chain(&error))),
            };
            tracing::warn!(group.id = %fence.group, error = &error as &dyn std::error::Error, "the files cannot be uploaded; trying again");
            if *self.trust.borrow() == Trust::Lost || self.stop.is_cancelled() {
                return Err(NotSafe::LeaseOver);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Makes what was committed the base of the next upload, and removes what nothing refers to any more.
    pub(super) async fn keep_files(&mut self, committed: Option<&SnapshotRef>) {
        let (Some(snapshots), Some(committed)) = (&self.engine.snapshots, committed) else {
            return;
        };
        let group = &self.claimed.fence.group;
        if let Err(error) = snapshots.committed(group, committed).await {
            tracing::warn!(group.id = %group, error = &error as &dyn std::error::Error, "files will be read again after a restart");
        }
        let (snapshots, group): (Arc<Snapshots>, _) = (Arc::clone(snapshots), group.clone());
        let tidy = async move {
            snapshots.tidy(&group).await;
            Ok(())
        };
        self.engine
            .lifecycle
            .spawn_support("tidy blobs", service::lifecycle::Policy::BestEffort, tidy);
    }

    /// Forgets what is in memory of the files. Before the claim ends: the next one of this very runner may begin at once.
    pub(super) fn forget_files(&mut self) {
        if let (Some(snapshots), Some(_)) = (&self.engine.snapshots, self.roots.take()) {
            snapshots.released(&self.claimed.fence.group, self.claimed.fence.epoch);
        }
    }

    async fn tell_over_quota(&mut self, error: &Error) {
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        tracing::error!(group.id = %fence.group, error = error as &dyn std::error::Error, "the files of a group are not kept");
        let key = format!("files-not-kept:{}:{}", fence.group, fence.epoch);
        let reply = Reply {
            key: key.clone(),
            chat: self.reply_chat.clone(),
            text: format!("I answered, but my changed files cannot be kept: {error}"),
            sender: None,
            extra: None,
        };
        let fresh = OutboxId::fresh(&*engine.ids);
        let told = until_known(engine, || {
            engine.store.put_notice(&key, &reply, fresh, engine.clock.now())
        })
        .await;
        match told {
            Ok(told) => engine.publish_outbox(&reply.chat, told.outbox_id()).await,
            Err(error) => {
                tracing::warn!(group.id = %fence.group, error = &error as &dyn std::error::Error, "a chat could not be told")
            }
        }
    }
}

fn prepared_roots(engine: &Engine, group: &Group) -> io::Result<Vec<Root>> {
    let folders = engine
        .folders
        .prepare(group, &engine.settings.assistant_name, &engine.skills)?;
    Ok(Root::of_group(&folders))
}

fn is_unavailable(error: &Error) -> bool {
    matches!(error, Error::Blobs(blobs::Error::Unavailable { .. }))
}
