//! Looking after the rows: numbers, dead letters, retention.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proto::ids::ChatId;
use proto::task::TaskState;
use proto::time::Timestamp;
use proto::turn::TurnState;

use super::state::{LineRow, State};
use crate::{ChatActivity, Counts, DeadLetter, Removed};

impl State {
    pub(super) fn counts(&self, now: Timestamp) -> Counts {
        Counts {
            groups: self.registered_groups().count() as u64,
            waiting_groups: self.groups.values().filter(|row| row.waits(now).is_some()).count() as u64,
            owned_groups: self.groups.values().filter(|row| row.owner.is_some()).count() as u64,
            outbox_pending: self.outbox.open().count() as u64,
            outbox_uncertain: self.outbox.uncertain() as u64,
            outbox_dead: self.outbox.dead().count() as u64,
            dead_letters: self.dead_letters.len() as u64,
        }
    }

    pub(super) fn activity(&self, chat: &ChatId) -> ChatActivity {
        let Some(row) = self.chats.get(chat) else {
            return ChatActivity::default();
        };
        let group = row.chat.group.as_ref().and_then(|id| self.groups.get_key_value(id));
        let pending = group.into_iter().flat_map(|(id, row)| self.after(id, row.cursor));
        let unanswered = pending.filter(|message| message.envelope.engages && message.envelope.chat == *chat);
        ChatActivity {
            unanswered: unanswered.count() as u64,
            undelivered: self.outbox.open_of(chat).count() as u64,
        }
    }

    pub(super) fn newest_dead_letters(&self, limit: u32) -> Vec<DeadLetter> {
        let mut letters: Vec<_> = self.dead_letters.iter().collect();
        letters.sort_by_key(|(id, letter)| Reverse((letter.at, **id)));
        letters
            .into_iter()
            .take(limit as usize)
            .map(|(_, letter)| letter.clone())
            .collect()
    }

    pub(super) fn remove_before(&mut self, before: Timestamp, limit: u32) -> Removed {
        let mut left = limit as usize;
        self.remove_messages(before, &mut left);
        remove(&mut self.turns, &mut left, |_, turn| {
            turn.closed_at.is_some_and(|at| at < before)
        });
        let turns = &self.turns;
        let is_open = |turn| turns.get(&turn).is_some_and(|turn| turn.state == TurnState::Open);
        self.outbox.remove(&mut left, |row| {
            row.done_at.is_some_and(|at| at < before) && !row.delivery.turn.is_some_and(is_open)
        });
        self.remove_transcripts(before, &mut left);
        remove(&mut self.dead_letters, &mut left, |_, letter| letter.at < before);
        remove(&mut self.firings, &mut left, |_, firing| {
            firing.end.as_ref().is_some_and(|end| end.at < before)
        });
        remove(&mut self.tasks, &mut left, |_, row| {
            row.task.state == TaskState::Done && row.changed_at < before
        });
        self.remove_runners(before, &mut left);
        Removed {
            rows: u64::from(limit) - left as u64,
            more: left == 0,
        }
    }

    fn remove_messages(&mut self, before: Timestamp, left: &mut usize) {
        let State {
            messages,
            groups,
            dedup_keys,
            ..
        } = self;
        remove(messages, left, |(group, ord), row| {
            let covered = groups.get(group).is_some_and(|row| *ord <= row.cursor);
            let gone = covered && row.arrived_at < before;
            if gone {
                dedup_keys.remove(&row.message.envelope.dedup_key);
            }
            gone
        });
    }

    fn remove_runners(&mut self, before: Timestamp, left: &mut usize) {
        let owners: BTreeSet<_> = self.slots.keys().map(|(runner, _)| runner.clone()).collect();
        remove(&mut self.runners, left, |runner, entry| {
            entry.row.dead && entry.registered_at < before && !owners.contains(runner)
        });
    }

    fn remove_transcripts(&mut self, before: Timestamp, left: &mut usize) {
        let mut kept = BTreeSet::new();
        kept.extend(
            self.groups
                .iter()
                .filter_map(|(id, row)| Some((id.clone(), row.session.clone()?))),
        );
        let open = self.turns.values().filter(|turn| turn.state == TurnState::Open);
        kept.extend(open.filter_map(|turn| Some((turn.group.clone(), turn.session.clone()?))));
        let newer = |lines: &Vec<LineRow>| lines.iter().any(|row| row.written_at >= before);
        let recent = self.transcripts.iter().filter(|(_, lines)| newer(lines));
        kept.extend(recent.map(|((group, session, _), _)| (group.clone(), session.clone())));
        for ((group, session, _), lines) in &mut self.transcripts {
            if !kept.contains(&(group.clone(), session.clone())) {
                let gone = lines.len().min(*left);
                lines.drain(..gone);
                *left -= gone;
            }
        }
        self.transcripts.retain(|_, lines| !lines.is_empty());
    }
}

/// Removes what is `gone`, but no more than is `left` to be removed.
fn remove<K: Ord, V>(rows: &mut BTreeMap<K, V>, left: &mut usize, mut gone: impl FnMut(&K, &V) -> bool) {
    rows.retain(|key, row| {
        let removed = *left > 0 && gone(key, row);
        *left -= usize::from(removed);
        !removed
    });
}
