//! The rows as they are at the end.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{GroupId, TurnId};
use proto::outbound::Delivery;
use proto::task::{RunsOf, Task, TaskRun};
use proto::turn::TurnState;
use store::{Letter, Store};

use super::Violation;
use crate::history::Event;
use crate::network::at_once;
use crate::platform::{Channel, chat_of};
use crate::sandbox::key_of;
use crate::world::World;

/// More rows than any run writes.
const LIMIT: u32 = 1_000_000;

/// What the checker needs of the rows.
pub(crate) struct Rows {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) given_up: BTreeSet<String>,
    pub(crate) turns: BTreeMap<TurnId, TurnState>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) runs: Vec<TaskRun>,
}

impl Rows {
    pub(crate) fn read(world: &World) -> Self {
        let engine = &world.database.engine;
        let mut deliveries = Vec::new();
        for group in groups(world) {
            for channel in Channel::ALL {
                let chat = chat_of(channel, &group);
                deliveries.extend(at_once(engine.deliveries_after(&chat, 0, LIMIT)).unwrap_or_default());
            }
        }
        let letters = at_once(engine.dead_letters(LIMIT)).unwrap_or_default();
        let given_up = letters.into_iter().filter_map(|letter| match letter.letter {
            Letter::Message(message) => Some(key_of(&message.envelope)),
            Letter::Unclaimed(_) | Letter::Malformed(_) => None,
        });
        let seen = world.history.events().into_iter().filter_map(|(_, event)| match event {
            Event::Saw { turn, .. } => Some(turn),
            _ => None,
        });
        let seen: BTreeSet<TurnId> = seen.collect();
        let turns = seen
            .into_iter()
            .filter_map(|turn| Some((turn, at_once(engine.turn(turn)).ok()??.state)));
        Self {
            deliveries,
            given_up: given_up.collect(),
            turns: turns.collect(),
            tasks: at_once(engine.tasks(None)).unwrap_or_default(),
            runs: at_once(engine.task_runs(&RunsOf::All, LIMIT)).unwrap_or_default(),
        }
    }

    /// What is still on its way although nothing has gone wrong for long.
    pub(crate) fn stuck(&self, world: &World) -> Vec<Violation> {
        let what = what_is_under_way(world);
        what.into_iter()
            .map(|what| Violation::of("nothing is stuck", None, what))
            .collect()
    }
}

/// Groups of the run.
pub(crate) fn groups(world: &World) -> Vec<GroupId> {
    let id = |number| GroupId::parse(&format!("group-{number}")).expect("digits make a group's name");
    (0..world.plan.groups).map(id).collect()
}

/// Whether the inboxes have everything that the log holds.
pub(crate) fn log_is_taken_in(world: &World) -> bool {
    let contents = world.log.contents();
    let cursors = at_once(world.database.engine.partition_cursors()).unwrap_or_default();
    let through = |partition| {
        cursors
            .iter()
            .find(|cursor| cursor.partition == partition)
            .map_or(0, |cursor| cursor.through)
    };
    contents
        .iter()
        .all(|(partition, sequence)| *sequence <= through(*partition))
}

/// The furthest position of the log that any partition claims to have taken in.
pub(crate) fn newest_cursor(world: &World) -> u64 {
    let cursors = at_once(world.database.engine.partition_cursors()).unwrap_or_default();
    cursors.iter().map(|cursor| cursor.through).max().unwrap_or(0)
}

/// What is not at rest.
pub(crate) fn what_is_under_way(world: &World) -> Vec<String> {
    let engine = &world.database.engine;
    let far = proto::time::Timestamp::from_millis(i64::MAX / 2);
    let counts = at_once(engine.counts(far)).unwrap_or_default();
    let mut what = Vec::new();
    let mut note = |is: bool, text: String| {
        if is {
            what.push(text);
        }
    };
    note(
        !world.platform.is_settled(),
        "the platform still offers messages".to_owned(),
    );
    note(!log_is_taken_in(world), "the log holds what no inbox has".to_owned());
    note(
        counts.waiting_groups > 0,
        format!("{} groups wait", counts.waiting_groups),
    );
    note(
        counts.owned_groups > 0,
        format!("{} groups are owned", counts.owned_groups),
    );
    note(
        counts.outbox_pending > 0,
        format!("{} deliveries are pending", counts.outbox_pending),
    );
    for group in groups(world) {
        for channel in Channel::ALL {
            let chat = chat_of(channel, &group);
            let activity = at_once(engine.chat_activity(&chat)).unwrap_or_default();
            note(
                activity.unanswered > 0,
                format!("{} messages of {chat} are unanswered", activity.unanswered),
            );
        }
    }
    what
}
