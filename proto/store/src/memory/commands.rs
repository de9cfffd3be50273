//! What commands ask of the rows, pairing, and the audit.

use proto::command::{PAIRINGS_OPEN_MAX, PairCode, Pairing};
use proto::ids::{ChatId, Epoch, GroupId, Incarnation, OutboxId, RunnerId, TurnId};
use proto::time::Timestamp;
use proto::turn::TurnState;

use super::outbox::Origin;
use super::state::State;
use super::{chats, groups};
use crate::pairing::{self, Asked};
use crate::{AuditEntry, GroupStanding, Result, UsageTotal};

impl State {
    pub(super) fn stop_turn(&mut self, group: &GroupId, now: Timestamp) -> Option<Option<RunnerId>> {
        let open = self.open_turn(group)?;
        let turn = self.turns.get_mut(&open)?;
        turn.stop_asked_at = turn.stop_asked_at.or(Some(now));
        let owner = self.groups.get(group).and_then(|row| row.owner.clone());
        Some(owner.map(|(runner, _)| runner))
    }

    pub(super) fn turns_to_stop(&self, runner: &RunnerId, life: Incarnation) -> Vec<(GroupId, TurnId)> {
        let asked = |turn: &TurnId| self.turns.get(turn).is_some_and(|turn| turn.stop_asked_at.is_some());
        let mine = |group: &GroupId| {
            let owner = self.groups.get(group).and_then(|row| row.owner.as_ref());
            owner.is_some_and(|(owner, of)| owner == runner && *of == life)
        };
        let open = self.open_turns.iter();
        open.filter(|(group, turn)| mine(group) && asked(turn))
            .map(|(group, turn)| (group.clone(), *turn))
            .collect()
    }

    pub(super) fn standing(&self, group: &GroupId) -> Result<GroupStanding> {
        let row = self.group(group).ok_or_else(|| groups::not_found(group))?;
        let open = self.open_turn(group).and_then(|turn| self.turns.get(&turn));
        let open = open.filter(|turn| turn.state == TurnState::Open);
        let waiting = self.after(group, row.cursor).filter(|message| message.envelope.engages);
        Ok(GroupStanding {
            owner: row.owner.as_ref().map(|(runner, _)| runner.clone()),
            turn_since: open.map(|turn| turn.opened_at),
            unanswered: waiting.count() as u64,
            has_session: row.session.is_some(),
        })
    }

    pub(super) fn usage_since(&self, group: &GroupId, since: Timestamp) -> UsageTotal {
        let mut total = UsageTotal::default();
        let of_group = self.usage.values().filter(|row| row.group == *group && row.at >= since);
        for row in of_group {
            total.add(&row.usage, row.cost_micros);
        }
        total
    }

    pub(super) fn ask_pairing(
        &mut self,
        chat: &ChatId,
        fresh: &PairCode,
        notice_id: OutboxId,
        now: Timestamp,
    ) -> Result<Asked> {
        let known = self.chats.get(chat).ok_or_else(|| chats::not_found(chat))?;
        pairing::require_unregistered(&known.chat)?;
        let open = self.open_pairings(now);
        if let Some(before) = open.iter().find(|pairing| pairing.chat == *chat) {
            return Ok(Asked::Before(before.code.clone()));
        }
        if open.len() >= PAIRINGS_OPEN_MAX as usize {
            return Ok(Asked::TooMany);
        }
        let main = self.registered_groups().find(|group| group.is_main);
        let main = main.ok_or_else(pairing::no_main)?.id.clone();
        self.pairings.retain(|_, pairing| pairing.is_open(now));
        let asked = Pairing {
            code: fresh.clone(),
            chat: chat.clone(),
            asked_at: now,
        };
        self.pairings.insert(chat.clone(), asked);
        let origin = Origin {
            group: &main,
            turn: None,
            epoch: Epoch::ZERO,
            early: false,
            now,
        };
        let notice = pairing::notice(chat, fresh);
        self.push(&origin, &notice.key, &notice, notice_id)?;
        Ok(Asked::Now(fresh.clone()))
    }

    pub(super) fn open_pairings(&self, now: Timestamp) -> Vec<Pairing> {
        pairing::open(self.pairings.values(), now)
    }

    pub(super) fn end_pairing(
        &mut self,
        code: &PairCode,
        group: Option<&GroupId>,
        by: &str,
        now: Timestamp,
    ) -> Result<ChatId> {
        let open = self
            .open_pairings(now)
            .into_iter()
            .find(|pairing| pairing.code == *code);
        let chat = open.ok_or_else(|| pairing::not_found(code))?.chat;
        if let Some(group) = group {
            self.register_chat(&chat, Some(group))?;
        }
        self.pairings.remove(&chat);
        self.audit.push(pairing::act(&chat, group, by, now));
        Ok(chat)
    }

    pub(super) fn newest_audit(&self, limit: u32) -> Vec<AuditEntry> {
        self.audit.iter().rev().take(limit as usize).cloned().collect()
    }
}
