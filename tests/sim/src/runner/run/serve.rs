//! Serves the agent's requests: each is one fenced transaction, and the agent gets the true answer.

use proto::ids::{OutboxId, SessionId, TurnId};
use proto::outbound::Reply;
use proto::turn::run::Event;
use serde_json::json;
use store::TranscriptPart;
use uuid::Uuid;

use super::GroupRun;
use crate::runner::persist::until_known;
use crate::sandbox::{ToAgent, said};

impl GroupRun {
    pub(super) async fn send_message(&mut self, request: u64, key: String, text: String) -> Option<Event> {
        let Some(turn) = self.run.speaking_turn() else {
            self.answer(request, false);
            return None;
        };
        let reply = said(key, self.reply_chat.clone(), text);
        let recorded = self.record_effect(turn, &reply).await;
        self.conclude(request, recorded)
    }

    pub(super) async fn append_transcript(&mut self, request: u64, session: SessionId, uuid: Uuid) -> Option<Event> {
        let part = TranscriptPart {
            session,
            subpath: None,
            entries: vec![json!({ "uuid": uuid.to_string() })],
        };
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let appended = until_known(runner, || runner.rows.append_transcript(fence, &part)).await;
        if let Err(error) = appended {
            return self.conclude(request, Err(error));
        }
        let found = self
            .prompts
            .iter()
            .find(|(known, _)| *known == uuid)
            .map(|(_, through)| *through);
        let turn = self.run.open_turn().map(|open| open.turn);
        let marked = match (found, turn) {
            (Some(through), Some(turn)) => {
                let mark = || runner.rows.mark_prompted(fence, turn, through, &part.session);
                until_known(runner, mark).await
            }
            _ => Ok(()),
        };
        self.conclude(request, marked)
    }

    /// Puts something into the outbox early.
    pub(super) async fn record_effect(&self, turn: TurnId, reply: &Reply) -> store::Result<()> {
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let fresh = OutboxId::fresh(&runner.world.ids);
        let record = || runner.rows.record_effect(fence, turn, reply, fresh, runner.me.now());
        let recorded = until_known(runner, record).await;
        self.note(format_args!("effect {} of {turn}: {recorded:?}", reply.text));
        runner.publish_outbox(&reply.chat, recorded?.outbox_id()).await;
        Ok(())
    }

    /// Answers the agent, or learns that there is nobody to answer to.
    fn conclude(&self, request: u64, done: store::Result<()>) -> Option<Event> {
        use store::Error::{Conflict, Fenced, LeaseLost, NotFound, RunnerReplaced, Unavailable};
        match done {
            Ok(()) => self.answer(request, true),
            Err(NotFound { .. } | Conflict(_)) => self.answer(request, false),
            Err(error @ (Fenced(_) | LeaseLost(_) | RunnerReplaced { .. } | Unavailable(_))) => {
                return Some(self.lost(&error));
            }
        }
        None
    }

    fn answer(&self, request: u64, done: bool) {
        if let Some(held) = &self.sandbox {
            held.sandbox.tell(ToAgent::Answer { request, done });
        }
    }
}
