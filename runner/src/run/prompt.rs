//! Turns batches into prompts, and remembers which prompt covers what until the transcript shows it.

use chrono_tz::Tz;
use proto::group::Group;
use proto::ids::{InboxOrd, TurnId};
use proto::inbound::InboxMessage;
use proto::ipc::{Check, Prompt};
use proto::prompt::{firing_of, format_batch, format_interrupted, last_ord};
use proto::turn::TurnBatch;

use super::{GroupRun, HandedPrompt};

impl GroupRun {
    /// The prompt of a whole turn.
    pub(super) async fn prompt_of(&mut self, batch: &TurnBatch) -> Prompt {
        let zone = self.zone();
        self.said_before = batch
            .interrupted
            .iter()
            .flat_map(|before| before.already_sent.clone())
            .collect();
        let text = match &batch.interrupted {
            None => format_batch(zone, &batch.messages),
            Some(before) => format_interrupted(zone, &before.already_sent, &batch.messages),
        };
        self.prompt(batch.turn, batch.attempt, &batch.messages, text).await
    }

    /// The prompt of further messages in a turn.
    pub(super) async fn prompt_of_follow_up(
        &mut self,
        turn: TurnId,
        attempt: u32,
        messages: &[InboxMessage],
    ) -> Prompt {
        let text = format_batch(self.zone(), messages);
        self.prompt(turn, attempt, messages, text).await
    }

    async fn prompt(&mut self, turn_id: TurnId, attempt: u32, messages: &[InboxMessage], mut text: String) -> Prompt {
        let brought = self.bring_attachments(messages).await;
        text.push_str(&brought.missing);
        if let Some(newest) = messages
            .iter()
            .rev()
            .find(|message| message.envelope.engages)
            .or(messages.last())
        {
            self.reply_chat = newest.envelope.chat.clone();
            self.called_by = newest.envelope.reaction_id().map(str::to_owned);
        }
        let through = last_ord(messages).unwrap_or(InboxOrd::ZERO);
        let uuid = self.engine.ids.uuid();
        let script = firing_of(messages).and_then(|firing| firing.check_script.clone());
        self.prompts.push(HandedPrompt { uuid, through });
        Prompt {
            turn_id,
            attempt,
            uuid,
            through,
            text,
            check: script.map(|script| Check { script }),
            pictures: brought.pictures,
        }
    }

    /// Zone of the times shown to the agent: the group's if it is a valid one, else the node's.
    pub(super) fn zone(&self) -> Tz {
        self.zone_of(&self.claimed.group)
    }

    /// Zone of a group's local times, as [`GroupRun::zone`] says it of this one.
    pub(super) fn zone_of(&self, group: &Group) -> Tz {
        group.settings.zone().unwrap_or(self.engine.settings.timezone)
    }
}
