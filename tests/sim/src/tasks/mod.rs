//! The tasks of a run, and the people who change them.
//!
//! A task's name says what it is for, `<kind>-<number>`; what its firings make the agent do is said in its prompt, as in a message.

mod operator;

use std::time::Duration;

use chrono_tz::Tz;
use proto::ids::GroupId;
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Misfire, Overlap, Task, TaskId, TaskPolicy, TaskSpec, TaskState};
use proto::time::Timestamp;
use store::Store;

use crate::check::rows;
use crate::exec::START;
use crate::history::Event;
use crate::network::at_once;
use crate::platform::{Channel, chat_of};
use crate::world::World;

pub(crate) use operator::change_tasks;

/// How long after the storm tasks go on to be due: a leader must be found, and what it missed be dealt with.
pub(crate) const GO_ON: Duration = Duration::from_secs(100);
/// Wall clocks of leaders are behind by at most this much, and this long a takeover may take besides.
pub(crate) const BEHIND_MAX: Duration = Duration::from_secs(90 + 30);
/// Failures in a row after which a task of kind [`Kind::Failing`] is paused.
pub(crate) const PAUSE_AFTER: u32 = 2;

/// What a task is there to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each due instant is fired, however late.
    Each,
    /// Of missed ones the latest is fired, each in a session of its own, and none beside an unfinished one.
    Latest,
    /// Late ones are left out; its agent says nothing.
    InTime,
    /// Its agent always crashes.
    Failing,
    /// Its zone is changed again and again, which sets it back to what is due next by the operator's clock.
    Edited,
    /// It is paused, resumed and run by hand.
    Handled,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Each,
        Self::Latest,
        Self::InTime,
        Self::Failing,
        Self::Edited,
        Self::Handled,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Latest => "latest",
            Self::InTime => "in-time",
            Self::Failing => "failing",
            Self::Edited => "edited",
            Self::Handled => "handled",
        }
    }

    /// What a task is there to show, by its name.
    pub(crate) fn of(task: &TaskId) -> Option<Self> {
        let (word, _) = task.as_str().rsplit_once('-')?;
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    fn prompt(self) -> &'static str {
        match self {
            Self::Each | Self::Edited => "plain",
            Self::Latest => "slow",
            Self::InTime => "silent",
            Self::Failing => "poison",
            Self::Handled => "early",
        }
    }

    fn policy(self) -> TaskPolicy {
        let usual = TaskPolicy {
            misfire: Misfire::All,
            pause_after: 0,
            ..TaskPolicy::default()
        };
        match self {
            Self::Each | Self::Edited | Self::Handled => usual,
            Self::Latest => TaskPolicy {
                misfire: Misfire::One,
                overlap: Overlap::Skip,
                ..usual
            },
            Self::InTime => TaskPolicy {
                misfire: Misfire::Skip,
                ..usual
            },
            Self::Failing => TaskPolicy {
                pause_after: PAUSE_AFTER,
                ..usual
            },
        }
    }

    fn schedule(self, world: &World) -> Schedule {
        let every = world.executor.draw(|random| random.millis(10_000, 30_000)).as_millis();
        match self {
            Self::Edited => parse(ScheduleKind::Cron, "* * * * *"),
            Self::Each | Self::Latest | Self::InTime | Self::Failing | Self::Handled => {
                parse(ScheduleKind::Interval, &every.to_string())
            }
        }
    }
}

fn parse(kind: ScheduleKind, value: &str) -> Schedule {
    Schedule::parse(kind, value).expect("written here")
}

/// Puts the tasks of the plan into the rows.
pub(crate) fn put_tasks(world: &World) {
    let groups = rows::groups(world);
    for (number, kind) in (0..world.plan.tasks).zip(Kind::ALL.into_iter().cycle()) {
        let (group, channel) = (&groups[number % groups.len()], Channel::ALL[number % 2]);
        let spec = TaskSpec {
            group: group.clone(),
            chat: chat_of(channel, group),
            prompt: format!("{} {number}", kind.prompt()),
            schedule: kind.schedule(world),
            zone: Tz::UTC,
            context_mode: match kind {
                Kind::Latest => ContextMode::Isolated,
                _ => ContextMode::Group,
            },
            check_script: None,
            policy: kind.policy(),
        };
        put(world, &format!("{}-{number}", kind.word()), spec);
    }
}

/// Puts tasks that are all due every ten seconds, for counting: `number` of them, spread over the groups.
pub(crate) fn put_counted_tasks(world: &World, number: usize) {
    let groups: Vec<GroupId> = rows::groups(world);
    for number in 0..number {
        let group = &groups[number % groups.len()];
        let spec = TaskSpec {
            group: group.clone(),
            chat: chat_of(Channel::Hook, group),
            prompt: "silent".to_owned(),
            schedule: parse(ScheduleKind::Interval, "10000"),
            zone: Tz::UTC,
            context_mode: ContextMode::Group,
            check_script: None,
            policy: Kind::Each.policy(),
        };
        put(world, &format!("counted-{number}"), spec);
    }
}

fn put(world: &World, id: &str, spec: TaskSpec) {
    let id = TaskId::parse(id).expect("letters, digits and a dash");
    let task = Task::made(id, spec, START).expect("intervals and lines may begin at any time");
    at_once(world.database.engine.put_task(&task, None, START)).expect("group and chat are registered");
}

/// From now on nothing is due any more; how each task stood goes into the history.
pub(crate) fn close_tasks(world: &World) {
    let engine = &world.database.engine;
    let now = START + world.executor.now();
    for task in at_once(engine.tasks(None)).unwrap_or_default() {
        let task = Box::new(task);
        world.history.record(Event::Closed { task: task.clone() });
        let spec = TaskSpec {
            schedule: parse(ScheduleKind::Interval, "31622400000"),
            ..task.spec.clone()
        };
        let later = task.with_spec(spec, now).expect("an interval may begin at any time");
        at_once(engine.put_task(&later, None, now)).expect("the task is there");
    }
}

/// Names of the tasks of a run.
fn names(world: &World) -> Vec<TaskId> {
    let tasks = at_once(world.database.engine.tasks(None)).unwrap_or_default();
    tasks.into_iter().map(|task| task.id).collect()
}

/// Whether a task is due although its time has long come, by true time.
pub(crate) fn is_left_behind(task: &Task, now: Timestamp) -> bool {
    task.state == TaskState::Active && task.next_due.is_some_and(|due| due + BEHIND_MAX < now)
}
