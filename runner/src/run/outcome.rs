//! What becomes true, or not, of a turn: each a fenced transaction that is brought to a known end.

use proto::ids::{InboxOrd, OutboxId, TurnId};
use proto::ipc::AgentResult;
use proto::lease::Trust;
use proto::outbound::{Reply, strip_internal};
use proto::turn::answer::{final_replies, run_outcome};
use proto::turn::run::{Event, OpenTurn};
use proto::turn::{AfterFailure, TurnCommit, TurnFailure};
use service::crash_point;

use super::GroupRun;
use super::files::NotSafe;
use super::sandbox::KILL_AGAIN;
use crate::engine::persist::until_known;

impl GroupRun {
    pub(super) async fn commit(&mut self, turn: &OpenTurn, through: InboxOrd, result: &AgentResult) -> Event {
        let snapshot = match self.upload_files(turn.turn).await {
            Ok(snapshot) => snapshot,
            Err(NotSafe::LeaseOver) => return Event::FenceLost,
            Err(NotSafe::Failed(reason)) => {
                self.fail(turn, format!("its files cannot be kept: {reason}"), false)
                    .await;
                // The claim has ended with the attempt.
                return Event::FenceLost;
            }
        };
        crash_point!("snapshot.uploaded");
        let replies = final_replies(turn, through, result);
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let ids: Vec<_> = replies.iter().map(|_| OutboxId::fresh(&*engine.ids)).collect();
        let commit = TurnCommit {
            turn: turn.turn,
            through,
            session: result.session_id.clone().or_else(|| self.session.clone()),
            usage: result.usage,
            cost_micros: result.cost_usd.map(micros),
            outcome: run_outcome(turn, result, &replies),
            now: engine.clock.now(),
            replies,
            snapshot,
        };
        crash_point!("commit.before");
        // In doubt, the same commit is simply asked for again: the store knows the turn's id.
        let committed = until_known(engine, || engine.store.commit_turn(fence, &commit, &ids)).await;
        crash_point!("commit.after");
        match committed {
            Ok(committed) => {
                tracing::info!(group.id = %fence.group, turn.id = %turn.turn, inbox.ord = %through, "turn committed");
                engine.metrics.turns_committed.inc();
                engine.metrics.observe_usage(&commit.usage, commit.cost_micros);
                self.prompts.retain(|prompt| prompt.through > through);
                for (reply, row) in commit.replies.iter().zip(&ids) {
                    engine.publish_outbox(&reply.chat, *row).await;
                }
                self.keep_files(commit.snapshot.as_ref()).await;
                Event::Committed {
                    more: committed.may_have_more(),
                }
            }
            Err(error) => self.lost(&error),
        }
    }

    pub(super) async fn say(&mut self, turn: TurnId, text: &str) -> Option<Event> {
        let text = strip_internal(text)?;
        let chat = self.reply_chat.clone();
        self.said += 1;
        let reply = Reply {
            key: format!("extra:{}:{}", self.claimed.fence.epoch, self.said),
            chat,
            text,
            sender: None,
            extra: None,
        };
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let fresh = OutboxId::fresh(&*engine.ids);
        let recorded = until_known(engine, || {
            engine
                .store
                .record_effect(fence, turn, &reply, fresh, engine.clock.now())
        })
        .await;
        match recorded {
            Ok(recorded) => {
                engine.publish_outbox(&reply.chat, recorded.outbox_id()).await;
                None
            }
            Err(error) => Some(self.lost(&error)),
        }
    }

    /// Records a failed attempt and what follows from it; the claim ends with it.
    pub(super) async fn end_attempt(&mut self, turn: TurnId, reason: String, next: AfterFailure, forget_session: bool) {
        if !self.is_rid_of_sandbox().await {
            return;
        }
        self.forget_files();
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        tracing::warn!(group.id = %fence.group, turn.id = %turn, reason, next = next.as_str(), "turn failed");
        engine.metrics.turns_failed.inc();
        let failure = TurnFailure {
            turn,
            reason,
            next,
            forget_session,
            now: engine.clock.now(),
        };
        let notice_id = OutboxId::fresh(&*engine.ids);
        if let Err(error) = until_known(engine, || engine.store.fail_turn(fence, &failure, notice_id)).await {
            let _ = self.lost(&error);
        }
        if let AfterFailure::DeadLetter { notice, .. } = &failure.next {
            engine.publish_outbox(&notice.chat, notice_id).await;
        }
    }

    pub(super) async fn release(&mut self, interrupted: bool) {
        if !self.is_rid_of_sandbox().await {
            return;
        }
        self.forget_files();
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let released = until_known(engine, || {
            engine.store.release_group(fence, interrupted, engine.clock.now())
        })
        .await;
        if let Err(error) = released {
            let _ = self.lost(&error);
        }
    }

    /// Waits until nothing of ours is left that could act for this group: until then the claim is kept, and what is to be recorded
    /// at its end is not lost. False when the lease ended or the runner stops first; the reconciling sweep, or whoever frees the
    /// groups of a dead runner, kills first as well.
    async fn is_rid_of_sandbox(&mut self) -> bool {
        let mut told = false;
        while !self.kill_sandbox().await {
            if *self.trust.borrow() == Trust::Lost || self.stop.is_cancelled() {
                return false;
            }
            if !std::mem::replace(&mut told, true) {
                tracing::error!(group.id = %self.claimed.fence.group, "the claim is kept until its sandbox is surely dead");
            }
            tokio::time::sleep(KILL_AGAIN).await;
        }
        true
    }

    /// What a failed store call means: the group is no longer ours, or we cannot know; either way nothing more is done.
    pub(super) fn lost(&self, error: &store::Error) -> Event {
        let fence = &self.claimed.fence;
        self.engine.metrics.fences_lost.inc();
        tracing::error!(
            group.id = %fence.group, lease.epoch = %fence.epoch, error = error as &dyn std::error::Error,
            "the group is no longer ours: its sandbox is killed and what it did is dropped"
        );
        Event::FenceLost
    }
}

fn micros(dollars: f64) -> i64 {
    // Saturates; a NaN from the sandbox becomes 0.
    (dollars * 1e6).round() as i64
}
