//! Groups: registration.

use proto::claim::ReadyKind;
use proto::group::Group;
use proto::ids::{Epoch, GroupId, InboxOrd};
use proto::time::Timestamp;

use super::state::{GroupRow, State};
use crate::{Error, Letter, Result};

impl State {
    pub(super) fn put_group(&mut self, group: &Group) {
        match self.groups.get_mut(&group.id) {
            Some(row) => {
                let created_at = if row.removed {
                    group.created_at
                } else {
                    row.group.created_at
                };
                row.group = Group {
                    created_at,
                    ..group.clone()
                };
                row.removed = false;
            }
            None => {
                self.groups.insert(group.id.clone(), new_row(group.clone()));
            }
        }
    }

    pub(super) fn group(&self, id: &GroupId) -> Option<&GroupRow> {
        self.groups.get(id).filter(|row| !row.removed)
    }

    pub(super) fn registered_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().filter(|row| !row.removed).map(|row| &row.group)
    }

    pub(super) fn remove_group(&mut self, id: &GroupId) -> Result<()> {
        let row = self
            .groups
            .get_mut(id)
            .filter(|row| !row.removed)
            .ok_or_else(|| not_found(id))?;
        if let Some((owner, _)) = &row.owner {
            return Err(Error::Conflict(format!("group {id} is being served by runner {owner}")));
        }
        // The row stays: epochs and positions go on counting when the name is used again.
        let (head, epoch) = (row.head, row.epoch);
        *row = GroupRow {
            removed: true,
            head,
            cursor: head,
            shown: head,
            epoch,
            ..new_row(row.group.clone())
        };
        for chat in self
            .chats
            .values_mut()
            .filter(|row| row.chat.group.as_ref() == Some(id))
        {
            chat.chat.group = None;
        }
        let State {
            messages, dedup_keys, ..
        } = self;
        messages.retain(|(group, _), row| {
            let kept = group != id;
            if !kept {
                dedup_keys.remove(&row.message.envelope.dedup_key);
            }
            kept
        });
        self.turns.retain(|_, turn| turn.group != *id);
        self.open_turns.remove(id);
        self.snapshots.remove(id);
        self.tasks.retain(|_, row| row.task.spec.group != *id);
        self.firings.retain(|_, row| row.group != *id);
        let firings = &self.firings;
        self.open_firings.retain(|key| firings.contains_key(key));
        self.transcripts.retain(|(group, _, _), _| group != id);
        self.dead_letters
            .retain(|_, letter| group_of(&letter.letter) != Some(id));
        Ok(())
    }
}

/// The group that a letter was for.
fn group_of(letter: &Letter) -> Option<&GroupId> {
    match letter {
        Letter::Message(message) => Some(&message.envelope.group),
        Letter::Unclaimed(envelope) => Some(&envelope.group),
        Letter::Malformed(_) => None,
    }
}

pub(super) fn not_found(id: &GroupId) -> Error {
    Error::NotFound {
        what: "group",
        id: id.to_string(),
    }
}

fn new_row(group: Group) -> GroupRow {
    GroupRow {
        group,
        removed: false,
        head: InboxOrd::ZERO,
        cursor: InboxOrd::ZERO,
        shown: InboxOrd::ZERO,
        ready_at: None,
        ready_kind: ReadyKind::Interactive,
        not_before: Timestamp::default(),
        owner: None,
        last_runner: None,
        epoch: Epoch::ZERO,
        attempts: 0,
        runner_deaths: 0,
        session: None,
        active_at: Timestamp::default(),
    }
}
