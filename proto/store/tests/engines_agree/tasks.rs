//! The calls about tasks: added, changed, fired by decisions that may be stale, run by hand, removed, and their history.

use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{
    ContextMode, FireTask, Fired, Misfire, Overlap, RunOutcome, RunsOf, Task, TaskId, TaskOrigin, TaskPolicy, TaskSpec,
    decide_firing,
};

use super::*;

/// Names of tasks: few, so that they are taken, gone and taken again.
const NAMES: u64 = 6;
/// Shortest interval there is: some come due again within a run.
const PERIOD: &str = "10000";

/// How the run of a turn that is committed ended.
pub(super) fn outcome(dice: &mut Dice) -> RunOutcome {
    match dice.roll(4) {
        0 => RunOutcome::Failed,
        1 => RunOutcome::Silent,
        2 => RunOutcome::NotWoken,
        _ => RunOutcome::Answered,
    }
}

pub(super) async fn take_a_step(stores: &Stores, dice: &mut Dice, memory: &mut Memory, now: Timestamp) {
    let id = TaskId::parse(&format!("t{}", dice.roll(NAMES))).unwrap();
    // Mostly without: an operator's; sometimes under a fence that may be old.
    let fence = match dice.roll(3) {
        0 => dice.pick(&memory.fences).cloned(),
        _ => None,
    };
    match dice.roll(8) {
        0 | 1 => {
            let task = Task::made(id, spec(dice), now).unwrap().by(TaskOrigin::Agent);
            let task = Task {
                next_due: Some(now + Duration::from_millis(dice.roll(1_000))),
                ..task
            };
            same!(stores, s => s.put_task(&task, fence.as_ref(), now)).ok();
        }
        2 => {
            let Some(known) = same!(stores, s => s.task(&id)).unwrap() else {
                return;
            };
            let changed = match dice.roll(4) {
                0 => known.paused(),
                1 => known.resumed(now),
                2 => known.with_spec(spec(dice), now).unwrap(),
                _ => known.by(TaskOrigin::File),
            };
            same!(stores, s => s.put_task(&changed, fence.as_ref(), now)).ok();
        }
        3 if dice.roll(4) == 0 => drop(same!(stores, s => s.remove_task(&id, fence.as_ref(), now))),
        3 => drop(same!(stores, s => s.run_task_now(&id, fence.as_ref(), now))),
        4 => {
            let of = match dice.roll(3) {
                0 => RunsOf::Task(id),
                1 => RunsOf::Group(GroupId::parse("g1").unwrap()),
                _ => RunsOf::All,
            };
            same!(stores, s => s.task_runs(&of, 20)).unwrap();
            same!(stores, s => s.tasks(None)).unwrap();
        }
        _ => {
            same!(stores, s => s.next_due_at()).unwrap();
            let due = same!(stores, s => s.due_tasks(now, 3)).unwrap();
            memory.due.extend(due);
            // The newest mostly; an older one was fired or changed since.
            let Some(task) = dice.pick(&memory.due).cloned() else {
                return;
            };
            let decision = decide_firing(&task.spec.due_at(task.next_due.unwrap()), now);
            let fire = FireTask::of(&task, decision).unwrap();
            let fired = same!(stores, s => s.fire_task(&fire, now)).unwrap();
            memory.fired += usize::from(matches!(fired, Fired::Done(_)));
        }
    }
}

fn spec(dice: &mut Dice) -> TaskSpec {
    let misfire = [Misfire::One, Misfire::All, Misfire::Skip][usize::try_from(dice.roll(3)).unwrap()];
    TaskSpec {
        group: GroupId::parse(&format!("g{}", dice.roll(3))).unwrap(),
        chat: ChatId::new(format!("test:c{}", dice.roll(4))),
        prompt: format!("prompt {}", dice.roll(3)),
        schedule: Schedule::parse(ScheduleKind::Interval, PERIOD).unwrap(),
        zone: "Europe/Berlin".parse().unwrap(),
        context_mode: [ContextMode::Group, ContextMode::Isolated][usize::try_from(dice.roll(2)).unwrap()],
        check_script: (dice.roll(3) == 0).then(|| "true".to_owned()),
        policy: TaskPolicy {
            misfire,
            max_lateness_ms: (dice.roll(3) == 0).then_some(500),
            overlap: [Overlap::Queue, Overlap::Skip][usize::try_from(dice.roll(2)).unwrap()],
            pause_after: u32::try_from(dice.roll(3)).unwrap(),
        },
    }
}
