//! Which task a `schedule_task` means: the same tool use, and the same content in a later attempt at the turn, mean the same.
//!
//! The id of a task is a digest of `(turn, content, how many with that content came before in this attempt)`. So a retried turn
//! finds what an earlier attempt had made under the id it would give it, without anything being remembered across attempts; and
//! two equal tasks in one attempt are two, as the agent asked.

use std::collections::HashMap;

use proto::ids::TurnId;
use proto::task::TaskId;

/// Most tasks scheduled in one turn. More than a group may have at all, and it bounds what an agent that schedules and cancels in
/// a loop makes us remember.
const PER_TURN_MAX: usize = 1_000;
/// Digits of the digest in an id: 128 bits.
const ID_DIGITS: usize = 32;

/// What was scheduled in the turn at hand, in this claim.
#[derive(Debug, Default)]
pub(super) struct Scheduled {
    turn: Option<TurnId>,
    by_request: HashMap<String, TaskId>,
    by_content: HashMap<[u8; 32], u32>,
}

impl Scheduled {
    /// The id of the task that `request` asks for; `None` when the turn has scheduled too much already.
    pub(super) fn id(&mut self, turn: TurnId, request: &str, content: &str) -> Option<TaskId> {
        self.enter(turn);
        if let Some(known) = self.by_request.get(request) {
            return Some(known.clone());
        }
        if self.by_request.len() >= PER_TURN_MAX {
            return None;
        }
        let count = self
            .by_content
            .entry(*blake3::hash(content.as_bytes()).as_bytes())
            .or_default();
        let id = id_of(turn, content, *count);
        *count += 1;
        self.by_request.insert(request.to_owned(), id.clone());
        Some(id)
    }

    /// Notes a task whose id the agent chose itself; `false` when the turn has scheduled too much already.
    pub(super) fn note(&mut self, turn: TurnId, request: &str, id: &TaskId) -> bool {
        self.enter(turn);
        let room = self.by_request.len() < PER_TURN_MAX;
        if room {
            self.by_request.insert(request.to_owned(), id.clone());
        }
        room
    }

    /// Whether this attempt made the task.
    pub(super) fn made(&self, id: &TaskId) -> bool {
        self.by_request.values().any(|known| known == id)
    }

    fn enter(&mut self, turn: TurnId) {
        if self.turn != Some(turn) {
            *self = Self {
                turn: Some(turn),
                ..Self::default()
            };
        }
    }
}

fn id_of(turn: TurnId, content: &str, count: u32) -> TaskId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(turn.0.as_bytes());
    hasher.update(&count.to_be_bytes());
    hasher.update(content.as_bytes());
    let digits = hasher.finalize().to_hex();
    TaskId::parse(&format!("task-{}", &digits[..ID_DIGITS])).expect("hexadecimal digits fit a task id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn turn(number: u128) -> TurnId {
        TurnId(Uuid::from_u128(number))
    }

    fn ids(attempt: &[(&str, &str)]) -> Vec<TaskId> {
        let mut scheduled = Scheduled::default();
        let id = |(request, content): &(&str, &str)| scheduled.id(turn(1), request, content).unwrap();
        attempt.iter().map(id).collect()
    }

    #[test]
    fn the_same_tool_use_and_the_same_content_in_a_later_attempt_mean_the_same_task() {
        let first = ids(&[("toolu_1", "a"), ("toolu_2", "b"), ("toolu_1", "a")]);
        assert_eq!(first[0], first[2], "the same tool use");
        let later = ids(&[("toolu_8", "b"), ("toolu_9", "a")]);
        assert_eq!(
            (&later[1], &later[0]),
            (&first[0], &first[1]),
            "whatever the order and the tool use"
        );
    }

    #[test]
    fn equal_tasks_in_one_attempt_are_as_many_in_the_next() {
        let first = ids(&[("toolu_1", "a"), ("toolu_2", "a")]);
        assert_ne!(first[0], first[1]);
        assert_eq!(ids(&[("toolu_3", "a"), ("toolu_4", "a")]), first);
    }

    #[test]
    fn another_turn_means_another_task() {
        let mut scheduled = Scheduled::default();
        let first = scheduled.id(turn(1), "toolu_1", "a").unwrap();
        assert!(scheduled.made(&first));
        let second = scheduled.id(turn(2), "toolu_2", "a").unwrap();
        assert_ne!(first, second);
        assert!(!scheduled.made(&first));
    }

    #[test]
    fn a_turn_schedules_a_bounded_number() {
        let mut scheduled = Scheduled::default();
        for number in 0..PER_TURN_MAX {
            assert!(scheduled.id(turn(1), &number.to_string(), "a").is_some());
        }
        assert_eq!(scheduled.id(turn(1), "one more", "a"), None);
        assert!(
            scheduled.id(turn(1), "0", "a").is_some(),
            "what was asked before is answered"
        );
        assert!(!scheduled.note(turn(1), "one more", &TaskId::parse("x").unwrap()));
    }
}
