//! What becomes true, or not, of a turn: each a fenced transaction that is brought to a known end.

use proto::ids::{InboxOrd, OutboxId, TurnId};
use proto::ipc::AgentResult;
use proto::outbound::strip_internal;
use proto::turn::answer::{final_replies, run_outcome};
use proto::turn::run::{Event, OpenTurn};
use proto::turn::{AfterFailure, TurnCommit, TurnFailure};

use super::GroupRun;
use crate::fences::Fence;
use crate::runner::persist::until_known;
use crate::sandbox::said;

impl GroupRun {
    pub(super) async fn commit(&mut self, turn: &OpenTurn, through: InboxOrd, result: &AgentResult) -> Event {
        let through = match self.runner.world.stands(Fence::ConsumedThrough) {
            true => through,
            // What was handed over counts as done.
            false => self.run.handed(),
        };
        let upload = self.scan_files();
        let uploads_first = self.runner.world.stands(Fence::UploadBeforeCommit);
        if let Some(upload) = upload.as_ref().filter(|_| uploads_first)
            && !self.upload_files(upload).await
        {
            return Event::FenceLost;
        }
        let replies = final_replies(turn, through, result);
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let ids: Vec<_> = replies.iter().map(|_| OutboxId::fresh(&runner.world.ids)).collect();
        let commit = TurnCommit {
            turn: turn.turn,
            through,
            session: result.session_id.clone().or_else(|| self.session.clone()),
            usage: result.usage,
            cost_micros: None,
            outcome: run_outcome(turn, result, &replies),
            now: runner.me.now(),
            replies,
            snapshot: upload.as_ref().map(|upload| upload.row.clone()),
        };
        let committed = until_known(runner, || runner.rows.commit_turn(fence, &commit, &ids)).await;
        self.note(format_args!("commit of {} through {through}: {committed:?}", turn.turn));
        match committed {
            Ok(committed) => {
                self.prompts.retain(|(_, covered)| *covered > through);
                for (reply, row) in commit.replies.iter().zip(&ids) {
                    self.runner.publish_outbox(&reply.chat, *row).await;
                }
                if let Some(upload) = upload.as_ref().filter(|_| !uploads_first) {
                    self.upload_files(upload).await;
                }
                self.keep_files(commit.snapshot.as_ref());
                Event::Committed {
                    more: committed.may_have_more(),
                }
            }
            Err(error) => self.lost(&error),
        }
    }

    pub(super) async fn say(&mut self, turn: TurnId, text: &str) -> Option<Event> {
        let text = strip_internal(text)?;
        self.said += 1;
        let key = format!("extra:{}:{}", self.claimed.fence.epoch, self.said);
        let reply = said(key, self.reply_chat.clone(), text);
        self.record_effect(turn, &reply)
            .await
            .err()
            .map(|error| self.lost(&error))
    }

    /// Records a failed attempt and what follows from it; the claim ends with it.
    pub(super) async fn end_attempt(&mut self, turn: TurnId, reason: String, next: AfterFailure, forget_session: bool) {
        if !self.is_rid_of_sandbox().await {
            return;
        }
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let failure = TurnFailure {
            turn,
            reason,
            next,
            forget_session,
            now: runner.me.now(),
        };
        let notice = OutboxId::fresh(&runner.world.ids);
        let failed = until_known(runner, || runner.rows.fail_turn(fence, &failure, notice)).await;
        self.note(format_args!(
            "failed {turn}: {}, {}: {failed:?}",
            failure.reason,
            failure.next.as_str()
        ));
        if let AfterFailure::DeadLetter { notice: said, .. } = &failure.next {
            self.runner.publish_outbox(&said.chat, notice).await;
        }
    }

    pub(super) async fn release(&mut self, interrupted: bool) {
        if !self.is_rid_of_sandbox().await {
            return;
        }
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let released = until_known(runner, || {
            runner.rows.release_group(fence, interrupted, runner.me.now())
        })
        .await;
        self.note(format_args!("released, interrupted {interrupted}: {released:?}"));
    }

    /// Whether nothing of ours is left that could act for this group; if something is, the claim is kept.
    async fn is_rid_of_sandbox(&mut self) -> bool {
        if !self.runner.world.stands(Fence::KillBeforeRelease) {
            return true;
        }
        self.kill_sandbox().await
    }

    /// What a failed store call means: the group is no longer ours, or we cannot know.
    pub(super) fn lost(&self, error: &store::Error) -> Event {
        self.note(format_args!("lost: {error}"));
        Event::FenceLost
    }
}
