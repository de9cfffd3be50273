//! Groups that became supergroups: their chats have another id since, and rows and registrations still name the old one.
//!
//! What is known here is lost with the process and learnt again: Telegram says it once as a message, and for ever in answer
//! to whatever is sent to the old id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::place::Place;

/// Moves remembered; a move is learnt again from the next send to the old id.
const MOVES_MAX: usize = 10_000;

/// The moves that are known.
#[derive(Debug, Default)]
pub(super) struct Moved(Mutex<HashMap<i64, i64>>);

impl Moved {
    /// Takes note of a move.
    pub(super) fn note(&self, from: i64, to: i64) {
        let mut moves = self.moves();
        if moves.len() >= MOVES_MAX {
            moves.clear();
        }
        if moves.insert(from, to) != Some(to) {
            tracing::info!(chat.from = from, chat.to = to, "a group became a supergroup");
        }
    }

    /// Where a place is now. A supergroup moves no more.
    pub(super) fn follow(&self, place: Place) -> Place {
        let chat = self.moves().get(&place.chat).copied().unwrap_or(place.chat);
        Place { chat, ..place }
    }

    /// The id that a chat had before.
    pub(super) fn origin(&self, chat: i64) -> Option<i64> {
        let moves = self.moves();
        moves.iter().find(|(_, to)| **to == chat).map(|(from, _)| *from)
    }

    fn moves(&self) -> MutexGuard<'_, HashMap<i64, i64>> {
        // Every change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
