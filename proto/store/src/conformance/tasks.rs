//! Tasks and firings: what fires, once, and what history says of it.

use std::time::Duration;

use futures::future::join_all;
use proto::claim::{Fence, TASK_AGEING};
use proto::ids::{InboxOrd, SessionId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{
    CHAT_LOST, ContextMode, FireReport, FireTask, Fired, Misfire, Overlap, RunOutcome, RunsOf, TASKS_MAX, Task, TaskId,
    TaskOrigin, TaskPolicy, TaskRun, TaskSpec, TaskState,
};
use proto::time::Timestamp;
use proto::turn::{AfterFailure, TurnBatch, TurnCommit, TurnFailure};

use super::World;
use super::world::{Runner, at, chat_of, group_id, reply, texts};
use crate::{Begun, Error};

/// Between two due instants of the tasks in here.
const PERIOD: i64 = 60_000;

fn id(name: &str) -> TaskId {
    TaskId::parse(name).unwrap()
}

fn spec(group: &str) -> TaskSpec {
    TaskSpec {
        group: group_id(group),
        chat: chat_of(group),
        prompt: "report".to_owned(),
        schedule: Schedule::parse(ScheduleKind::Interval, &PERIOD.to_string()).unwrap(),
        zone: "Europe/Berlin".parse().unwrap(),
        context_mode: ContextMode::Group,
        check_script: None,
        policy: TaskPolicy::default(),
    }
}

/// What is decided of a task that is due: these instants, and next the one after.
fn fire(task: &Task, due: &[i64]) -> FireTask {
    FireTask {
        task: task.id.clone(),
        version: task.version,
        seen: task.next_due.unwrap(),
        fire: due.iter().map(|due| at(*due)).collect(),
        missed: 0,
        next_due: due.last().map(|last| at(last + PERIOD)),
    }
}

impl World {
    async fn put(&self, task: &Task, now: Timestamp) -> Option<Task> {
        self.store.put_task(task, None, now).await.unwrap()
    }

    /// A task of a group that may exist already, due a period after the beginning.
    async fn task(&self, name: &str, spec: TaskSpec) -> Task {
        if self.store.group(&spec.group).await.unwrap().is_none() {
            self.group(spec.group.as_str()).await;
        }
        let task = Task::made(id(name), spec, at(0)).unwrap();
        self.put(&task, at(0)).await.expect("no such task is there yet")
    }

    async fn task_now(&self, name: &str) -> Task {
        self.store.task(&id(name)).await.unwrap().unwrap()
    }

    async fn fire(&self, fire: &FireTask, now: Timestamp) -> Option<FireReport> {
        match self.store.fire_task(fire, now).await.unwrap() {
            Fired::Done(report) => Some(report),
            Fired::Overtaken => None,
        }
    }

    /// Fires a task at its next due instant.
    async fn fire_due(&self, name: &str) -> FireReport {
        let task = self.task_now(name).await;
        let due = task.next_due.unwrap();
        let next_due = task.spec.schedule.following(task.spec.zone, due);
        let fire = FireTask {
            next_due,
            ..fire(&task, &[due.as_millis() - at(0).as_millis()])
        };
        self.fire(&fire, due).await.expect("nobody else fires")
    }

    async fn runs(&self, name: &str) -> Vec<TaskRun> {
        self.store.task_runs(&RunsOf::Task(id(name)), 10).await.unwrap()
    }

    async fn outcomes(&self, name: &str) -> Vec<RunOutcome> {
        self.runs(name).await.into_iter().map(|run| run.outcome).collect()
    }

    /// A task that fired, claimed and begun.
    async fn fired(&self, name: &str, spec: TaskSpec, runner: &Runner) -> (Fence, TurnBatch) {
        self.task(name, spec).await;
        self.fire_due(name).await;
        let fence = self.claim(runner, at(PERIOD)).await;
        let batch = self.begin(&fence, at(PERIOD + 100)).await;
        (fence, batch)
    }

    async fn end(&self, fence: &Fence, batch: &TurnBatch, outcome: RunOutcome, now: Timestamp) {
        let through = batch.messages.last().unwrap().ord;
        let commit = TurnCommit {
            outcome,
            ..self.commit_of(batch.turn, through, vec![], now)
        };
        self.try_commit(fence, &commit).await.unwrap();
    }
}

pub async fn a_task_is_added_changed_and_listed(world: World) {
    world.group("g").await;
    world.group("other").await;
    let spec = TaskSpec {
        check_script: Some("echo '{\"wake\": true}'".to_owned()),
        context_mode: ContextMode::Isolated,
        policy: TaskPolicy {
            misfire: Misfire::All,
            max_lateness_ms: Some(5),
            overlap: Overlap::Skip,
            pause_after: 0,
        },
        ..spec("g")
    };
    let made = Task::made(id("b"), spec, at(0)).unwrap().by(TaskOrigin::Agent);
    let stored = world.put(&made, at(0)).await.unwrap();
    assert_eq!(
        stored,
        Task {
            version: stored.version,
            ..made.clone()
        }
    );
    assert_eq!(world.task_now("b").await, stored);
    assert_eq!(world.put(&made, at(1)).await, None, "the name is taken");
    world.task("a", super::tasks::spec("other")).await;
    let cron = Schedule::parse(ScheduleKind::Cron, "30 2 * * *").unwrap();
    let changed = TaskSpec {
        schedule: cron,
        prompt: "another".to_owned(),
        chat: chat_of("g"),
        check_script: None,
        ..stored.spec.clone()
    };
    let changed = world
        .put(&stored.with_spec(changed, at(2)).unwrap().by(TaskOrigin::File), at(2))
        .await
        .unwrap();
    assert!(changed.version > stored.version);
    assert_eq!(world.task_now("b").await, changed);
    assert_eq!(
        world.put(&stored, at(3)).await,
        None,
        "it was changed since it was read"
    );
    let names = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(world.store.tasks(None).await.unwrap()), ["a", "b"]);
    assert_eq!(names(world.store.tasks(Some(&group_id("g"))).await.unwrap()), ["b"]);
    world.store.remove_task(&id("b"), None, at(4)).await.unwrap();
    assert_eq!(world.store.task(&id("b")).await.unwrap(), None);
    for gone in [
        world.store.remove_task(&id("b"), None, at(5)).await.unwrap_err(),
        world.store.put_task(&changed, None, at(5)).await.unwrap_err(),
        world.store.run_task_now(&id("b"), None, at(5)).await.unwrap_err(),
    ] {
        assert!(matches!(gone, Error::NotFound { what: "task", .. }), "{gone}");
    }
}

pub async fn a_task_needs_a_group_and_a_chat_of_it(world: World) {
    let task = |spec| Task::made(id("t"), spec, at(0)).unwrap();
    let nobody = world.store.put_task(&task(spec("nobody")), None, at(0)).await;
    assert!(
        matches!(nobody, Err(Error::NotFound { what: "group", .. })),
        "{nobody:?}"
    );
    world.group("g").await;
    world.group("other").await;
    let unseen = TaskSpec {
        chat: chat_of("unseen"),
        ..spec("g")
    };
    let unseen = world.store.put_task(&task(unseen), None, at(0)).await;
    assert!(
        matches!(unseen, Err(Error::NotFound { what: "chat", .. })),
        "{unseen:?}"
    );
    let foreign = TaskSpec {
        chat: chat_of("other"),
        ..spec("g")
    };
    let foreign = world.store.put_task(&task(foreign), None, at(0)).await;
    assert!(matches!(foreign, Err(Error::Conflict(_))), "{foreign:?}");
    let task = world.task("t", spec("g")).await;
    let moved = task.with_spec(spec("other"), at(1)).unwrap();
    let moved = world.store.put_task(&moved, None, at(1)).await;
    assert!(matches!(moved, Err(Error::Conflict(_))), "{moved:?}");
}

pub async fn a_group_has_a_bounded_number_of_tasks(world: World) {
    world.group("g").await;
    let task = |number: u32| Task::made(id(&format!("t{number}")), spec("g"), at(0)).unwrap();
    for number in 0..TASKS_MAX {
        world.put(&task(number), at(0)).await.unwrap();
    }
    let more = world.store.put_task(&task(TASKS_MAX), None, at(0)).await;
    assert!(matches!(more, Err(Error::Conflict(_))), "{more:?}");
    world.store.remove_task(&id("t0"), None, at(0)).await.unwrap();
    assert!(world.put(&task(TASKS_MAX), at(0)).await.is_some());
}

pub async fn due_tasks_come_in_the_order_they_are_due(world: World) {
    assert_eq!(world.store.next_due_at().await.unwrap(), None);
    for (name, due) in [("a", 3_000), ("b", 1_000), ("c", 2_000), ("d", 1_000), ("e", 500)] {
        let task = world.task(name, spec("g")).await;
        let next_due = Some(at(due));
        world.put(&Task { next_due, ..task }, at(0)).await.unwrap();
    }
    let paused = world.task_now("e").await.paused();
    world.put(&paused, at(0)).await.unwrap();
    assert_eq!(world.store.next_due_at().await.unwrap(), Some(at(1_000)));
    let due = world.store.due_tasks(at(2_000), 10).await.unwrap();
    let names: Vec<_> = due.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(names, ["b", "d", "c"]);
    assert_eq!(due[0], world.task_now("b").await);
    assert_eq!(world.store.due_tasks(at(2_000), 1).await.unwrap().len(), 1);
    assert!(world.store.due_tasks(at(999), 10).await.unwrap().is_empty());
}

pub async fn a_firing_becomes_work_for_its_group(world: World) {
    let runner = world.runner("r", 5).await;
    let task = world.task("t", spec("g")).await;
    let report = world.fire(&fire(&task, &[PERIOD]), at(PERIOD + 7)).await.unwrap();
    assert_eq!(
        (report.group, report.owner, report.admitted),
        (group_id("g"), None, vec![at(PERIOD)])
    );
    let after = world.task_now("t").await;
    assert_eq!((after.next_due, after.state), (Some(at(2 * PERIOD)), TaskState::Active));
    assert!(after.version > task.version);
    let fence = world.claim(&runner, at(PERIOD + 8)).await;
    let batch = world.begin(&fence, at(PERIOD + 9)).await;
    let [message] = &batch.messages[..] else {
        panic!("a firing is a turn of its own: {batch:?}");
    };
    assert_eq!(
        message.envelope,
        proto::task::firing_envelope(&task.id, &task.spec, at(PERIOD))
    );
    assert_eq!(world.runs("t").await, []);
    world
        .commit(&fence, &batch, vec![reply("final", "g", "done")], at(PERIOD + 30))
        .await;
    let run = TaskRun {
        task: task.id,
        due_at: at(PERIOD),
        turn: Some(batch.turn),
        started_at: at(PERIOD + 9),
        ended_at: at(PERIOD + 30),
        outcome: RunOutcome::Answered,
        cost_micros: Some(7),
        error: None,
    };
    assert_eq!(world.runs("t").await, std::slice::from_ref(&run));
    let of_group = RunsOf::Group(group_id("g"));
    assert_eq!(
        world.store.task_runs(&of_group, 10).await.unwrap(),
        std::slice::from_ref(&run)
    );
    assert_eq!(world.store.task_runs(&RunsOf::All, 10).await.unwrap(), [run]);
    assert!(world.store.task_runs(&RunsOf::All, 0).await.unwrap().is_empty());
    let of_other = RunsOf::Group(group_id("other"));
    assert!(world.store.task_runs(&of_other, 10).await.unwrap().is_empty());
}

pub async fn a_firing_says_who_serves_its_group(world: World) {
    let runner = world.runner("r", 5).await;
    world.begun("g", &runner).await;
    world.task("t", spec("g")).await;
    let report = world.fire_due("t").await;
    assert_eq!(report.owner.as_ref(), Some(&runner.id));
    assert_eq!(report.last_runner, Some(runner.id));
}

pub async fn of_two_leaders_one_is_overtaken(world: World) {
    let task = world.task("t", spec("g")).await;
    let decided = fire(&task, &[PERIOD]);
    assert!(world.fire(&decided, at(PERIOD)).await.is_some());
    assert_eq!(world.fire(&decided, at(PERIOD)).await, None);
    assert_eq!(world.task_now("t").await.next_due, Some(at(2 * PERIOD)));
}

pub async fn many_leaders_at_once_fire_once(world: World) {
    let runner = world.runner("r", 5).await;
    let task = world.task("t", spec("g")).await;
    let decided = fire(&task, &[PERIOD]);
    let fired = join_all((0..8).map(|_| world.store.fire_task(&decided, at(PERIOD)))).await;
    let done = |fired: &Fired| matches!(fired, Fired::Done(report) if report.admitted.len() == 1);
    assert_eq!(
        fired.into_iter().filter(|fired| done(fired.as_ref().unwrap())).count(),
        1
    );
    let fence = world.claim(&runner, at(PERIOD)).await;
    let batch = world.begin(&fence, at(PERIOD)).await;
    world.commit(&fence, &batch, vec![], at(PERIOD)).await;
    let more = world
        .store
        .begin_turn(&fence, world.turn_id(), at(PERIOD))
        .await
        .unwrap();
    assert_eq!(more, Begun::Nothing);
}

pub async fn a_due_instant_fires_once_even_if_the_task_is_set_back(world: World) {
    let task = world.task("t", spec("g")).await;
    assert_eq!(world.fire_due("t").await.admitted, [at(PERIOD)]);
    let set_back = Task {
        next_due: task.next_due,
        ..world.task_now("t").await
    };
    world.put(&set_back, at(PERIOD)).await.unwrap();
    assert!(world.fire_due("t").await.admitted.is_empty());
    assert_eq!(world.task_now("t").await.next_due, Some(at(2 * PERIOD)));
}

pub async fn an_edit_overtakes_a_decision(world: World) {
    let task = world.task("t", spec("g")).await;
    let decided = fire(&task, &[PERIOD]);
    let changed = TaskSpec {
        prompt: "another".to_owned(),
        ..task.spec.clone()
    };
    world
        .put(&task.with_spec(changed, at(1)).unwrap(), at(1))
        .await
        .unwrap();
    assert_eq!(world.fire(&decided, at(PERIOD)).await, None);
    let paused = world.task_now("t").await.paused();
    let decided = fire(&paused, &[PERIOD]);
    world.put(&paused, at(2)).await.unwrap();
    assert_eq!(world.fire(&decided, at(PERIOD)).await, None);
    world.store.remove_task(&id("t"), None, at(3)).await.unwrap();
    assert_eq!(world.fire(&decided, at(PERIOD)).await, None);
}

pub async fn the_overlap_policy_leaves_out_what_overlaps(world: World) {
    let mut skipping = spec("g");
    skipping.policy.overlap = Overlap::Skip;
    let task = world.task("skip", skipping).await;
    let report = world.fire(&fire(&task, &[PERIOD, 2 * PERIOD]), at(2 * PERIOD)).await;
    let report = report.unwrap();
    assert_eq!(
        (report.admitted, report.skipped),
        (vec![at(PERIOD)], vec![at(2 * PERIOD)])
    );
    let runs = world.runs("skip").await;
    assert_eq!(
        (runs.len(), runs[0].outcome, runs[0].due_at),
        (1, RunOutcome::Skipped, at(2 * PERIOD))
    );
    let task = world.task("queue", spec("g")).await;
    let report = world.fire(&fire(&task, &[PERIOD, 2 * PERIOD]), at(2 * PERIOD)).await;
    assert_eq!(report.unwrap().admitted, [at(PERIOD), at(2 * PERIOD)]);
}

pub async fn missed_instants_are_in_the_history(world: World) {
    let task = world.task("t", spec("g")).await;
    let decided = FireTask {
        missed: 4,
        ..fire(&task, &[5 * PERIOD])
    };
    world.fire(&decided, at(5 * PERIOD)).await.unwrap();
    let runs = world.runs("t").await;
    assert_eq!(
        (runs.len(), runs[0].outcome, runs[0].due_at),
        (1, RunOutcome::Missed, at(PERIOD))
    );
    assert!(runs[0].error.as_ref().unwrap().contains('4'));
}

pub async fn a_task_that_was_due_once_is_done(world: World) {
    let task = world.task("t", spec("g")).await;
    let decided = FireTask {
        next_due: None,
        ..fire(&task, &[PERIOD])
    };
    assert!(world.fire(&decided, at(PERIOD)).await.is_some());
    let done = world.task_now("t").await;
    assert_eq!((done.state, done.next_due), (TaskState::Done, None));
    assert_eq!(world.store.next_due_at().await.unwrap(), None);
}

pub async fn sc_d4_a_paused_task_takes_back_what_has_not_begun(world: World) {
    let runner = world.runner("r", 5).await;
    world.task("t", spec("g")).await;
    world.fire_due("t").await;
    let paused = world.task_now("t").await.paused();
    world.put(&paused, at(PERIOD + 1)).await.unwrap();
    assert_eq!(world.outcomes("t").await, [RunOutcome::Cancelled]);
    for claimed in world.try_claim(&runner, 5, at(PERIOD + 2)).await.unwrap() {
        let begun = world.store.begin_turn(&claimed.fence, world.turn_id(), at(PERIOD + 2));
        assert_eq!(begun.await.unwrap(), Begun::Nothing);
        world
            .store
            .release_group(&claimed.fence, true, at(PERIOD + 2))
            .await
            .unwrap();
    }
    let resumed = world.task_now("t").await.resumed(at(PERIOD + 3));
    world.put(&resumed, at(PERIOD + 3)).await.unwrap();
    assert_eq!(world.fire_due("t").await.admitted, [at(2 * PERIOD)]);
}

pub async fn a_removed_task_lets_a_run_finish_and_keeps_its_history(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.fired("t", spec("g"), &runner).await;
    world.fire_due("t").await;
    world.store.remove_task(&id("t"), None, at(3 * PERIOD)).await.unwrap();
    assert_eq!(world.outcomes("t").await, [RunOutcome::Cancelled]);
    world.end(&fence, &batch, RunOutcome::Silent, at(4 * PERIOD)).await;
    assert_eq!(world.outcomes("t").await, [RunOutcome::Silent, RunOutcome::Cancelled]);
    let more = world.store.begin_turn(&fence, world.turn_id(), at(4 * PERIOD)).await;
    assert_eq!(more.unwrap(), Begun::Nothing);
}

pub async fn a_run_by_hand_leaves_the_schedule_alone(world: World) {
    let task = world.task("t", spec("g")).await;
    world.put(&task.paused(), at(0)).await.unwrap();
    let before = world.task_now("t").await;
    let run = || world.store.run_task_now(&task.id, None, at(5));
    assert_eq!(run().await.unwrap().admitted, [at(5)]);
    assert_eq!(run().await.unwrap().admitted, [at(6)]);
    assert_eq!(world.task_now("t").await, before);
    let mut skipping = spec("g");
    skipping.policy.overlap = Overlap::Skip;
    let skipping = world.task("skip", skipping).await;
    let run = || world.store.run_task_now(&skipping.id, None, at(5));
    assert_eq!(run().await.unwrap().admitted, [at(5)]);
    let refused = run().await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

pub async fn people_come_before_tasks_until_the_task_has_aged(world: World) {
    let ageing = i64::try_from(TASK_AGEING.as_millis()).unwrap();
    let runner = world.runner("r", 5).await;
    world.task("t", spec("task")).await;
    world.fire_due("t").await;
    world.group("person").await;
    world.call("person", "hello", at(PERIOD + ageing - 1)).await;
    world.group("late").await;
    world.call("late", "hello", at(PERIOD + ageing + 1)).await;
    let order = world.claim_names(&runner, 5, at(PERIOD + ageing + 2)).await;
    assert_eq!(order, ["person", "task", "late"]);
}

pub async fn a_message_makes_a_group_that_is_ready_for_a_task_interactive(world: World) {
    let runner = world.runner("r", 5).await;
    world.task("t", spec("both")).await;
    world.fire_due("t").await;
    world.task("u", spec("task")).await;
    world.fire_due("u").await;
    world.call("both", "hello", at(PERIOD + 1)).await;
    world.group("person").await;
    world.call("person", "hello", at(PERIOD + 2)).await;
    let order = world.claim_names(&runner, 5, at(PERIOD + 3)).await;
    assert_eq!(order, ["both", "person", "task"]);
}

pub async fn a_group_left_with_a_task_alone_waits_as_one(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("busy", &runner).await;
    world.task("t", spec("busy")).await;
    world.fire_due("t").await;
    world.commit(&fence, &batch, vec![], at(PERIOD)).await;
    world.store.release_group(&fence, false, at(PERIOD)).await.unwrap();
    world.group("person").await;
    world.call("person", "hello", at(PERIOD + 1)).await;
    assert_eq!(
        world.claim_names(&runner, 5, at(PERIOD + 2)).await,
        ["person", "busy"],
        "nobody waits for the busy group but its task"
    );
}

pub async fn a_firing_and_messages_are_turns_of_their_own(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.task("t", spec("g")).await;
    world.fire_due("t").await;
    world.chatter("g", "hm", at(PERIOD)).await;
    world.call("g", "later", at(PERIOD)).await;
    let follow_ups = world
        .store
        .read_follow_ups(&fence, batch.messages[0].ord)
        .await
        .unwrap();
    assert!(follow_ups.last().unwrap().envelope.task.is_some(), "{follow_ups:?}");
    assert_eq!(follow_ups.len(), 1);
    for expected in [vec!["hello"], vec!["report"], vec!["hm", "later"]] {
        let batch = world.begin(&fence, at(PERIOD)).await;
        assert_eq!(texts(&batch), expected);
        world.commit(&fence, &batch, vec![], at(PERIOD)).await;
    }
}

fn isolated() -> TaskSpec {
    TaskSpec {
        context_mode: ContextMode::Isolated,
        ..spec("g")
    }
}

pub async fn an_isolated_firing_leaves_the_groups_session_and_context_alone(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    let session = Some(SessionId::new("session"));
    world.chatter("g", "hm", at(2)).await;
    world.task("t", isolated()).await;
    world.fire_due("t").await;
    world.chatter("g", "well", at(PERIOD)).await;
    let batch = world.begin(&fence, at(PERIOD)).await;
    assert_eq!((texts(&batch), &batch.session), (vec!["report"], &None));
    let through = batch.messages[0].ord;
    let commit = TurnCommit {
        session: Some(SessionId::new("its own")),
        ..world.commit_of(batch.turn, through, vec![], at(PERIOD))
    };
    world.try_commit(&fence, &commit).await.unwrap();
    world.call("g", "you there?", at(PERIOD + 1)).await;
    let batch = world.begin(&fence, at(PERIOD + 2)).await;
    assert_eq!(texts(&batch), ["hm", "well", "you there?"]);
    assert_eq!(batch.session, session);
    world.commit(&fence, &batch, vec![], at(PERIOD + 3)).await;
    world.call("g", "again", at(PERIOD + 4)).await;
    let batch = world.begin(&fence, at(PERIOD + 5)).await;
    assert_eq!(texts(&batch), ["again"], "shown once is shown");
}

pub async fn an_interrupted_isolated_firing_resumes_its_own_session(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.task("t", isolated()).await;
    world.fire_due("t").await;
    let batch = world.begin(&fence, at(PERIOD)).await;
    let own = SessionId::new("its own");
    let through = batch.messages[0].ord;
    world
        .store
        .mark_prompted(&fence, batch.turn, through, &own)
        .await
        .unwrap();
    world.fail(&fence, batch.turn, at(PERIOD), at(PERIOD)).await;
    world.call("g", "hurry", at(PERIOD)).await;
    let fence = world.claim(&runner, at(PERIOD)).await;
    let again = world.begin(&fence, at(PERIOD)).await;
    assert_eq!(
        (again.turn, texts(&again), again.session.clone()),
        (batch.turn, vec!["report"], Some(own))
    );
    let failure = TurnFailure {
        turn: again.turn,
        reason: "no such session".to_owned(),
        next: AfterFailure::Retry { not_before: at(PERIOD) },
        forget_session: true,
        now: at(PERIOD),
    };
    world
        .store
        .fail_turn(&fence, &failure, world.outbox_id())
        .await
        .unwrap();
    let fence = world.claim(&runner, at(PERIOD)).await;
    let third = world.begin(&fence, at(PERIOD)).await;
    assert_eq!((third.session.clone(), third.interrupted.clone()), (None, None));
    world.commit(&fence, &third, vec![], at(PERIOD)).await;
    let next = world.begin(&fence, at(PERIOD)).await;
    assert_eq!(
        next.session,
        Some(SessionId::new("session")),
        "what the task lost is not the group's"
    );
}

pub async fn sc_d1_a_run_whose_runner_died_is_completed_once(world: World) {
    let runner = world.runner("r", 5).await;
    let (stale, batch) = world.fired("t", spec("g"), &runner).await;
    let (runner, freed) = world.restart(&runner, at(PERIOD + 200)).await;
    assert_eq!(freed, [group_id("g")]);
    let fence = world.claim(&runner, at(PERIOD + 300)).await;
    let again = world.begin(&fence, at(PERIOD + 300)).await;
    assert_eq!((again.turn, texts(&again)), (batch.turn, vec!["report"]));
    world.end(&fence, &again, RunOutcome::Silent, at(PERIOD + 400)).await;
    let late = world.commit_of(batch.turn, batch.messages[0].ord, vec![], at(PERIOD + 500));
    assert!(matches!(world.try_commit(&stale, &late).await, Err(Error::Fenced(_))));
    let runs = world.runs("t").await;
    assert_eq!(
        (runs.len(), runs[0].started_at, runs[0].ended_at),
        (1, at(PERIOD + 100), at(PERIOD + 400))
    );
    let more = world.store.begin_turn(&fence, world.turn_id(), at(PERIOD + 400)).await;
    assert_eq!(more.unwrap(), Begun::Nothing);
}

pub async fn a_firing_given_up_is_a_failed_run_and_a_dead_letter(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    world.chatter("g", "hm", at(0)).await;
    let (fence, batch) = world.fired("t", isolated(), &runner).await;
    let through = batch.messages[0].ord;
    world.give_up(&fence, batch.turn, through, at(PERIOD + 200)).await;
    let runs = world.runs("t").await;
    assert_eq!((runs.len(), runs[0].outcome), (1, RunOutcome::Failed));
    assert_eq!(runs[0].error.as_deref(), Some("it broke for good"));
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1, "the chatter it let pass was not part of it");
    assert!(matches!(&letters[0].letter, crate::Letter::Message(message) if message == &batch.messages[0]));
    assert_eq!(world.task_now("t").await.failures_in_row, 1);
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    assert_eq!(
        said.iter().map(|said| said.text.as_str()).collect::<Vec<_>>(),
        ["sorry"]
    );
}

pub async fn a_task_that_fails_too_often_is_paused_and_its_chat_told_once(world: World) {
    let runner = world.runner("r", 5).await;
    let mut twice = spec("g");
    twice.policy.pause_after = 2;
    world.task("t", twice).await;
    for time in 1..=2 {
        world.fire_due("t").await;
        let fence = world.claim(&runner, at(time * PERIOD)).await;
        let batch = world.begin(&fence, at(time * PERIOD)).await;
        if time == 2 {
            world.fire_due("t").await;
        }
        world
            .give_up(&fence, batch.turn, batch.messages[0].ord, at(time * PERIOD + 1))
            .await;
    }
    let task = world.task_now("t").await;
    assert_eq!((task.state, task.failures_in_row), (TaskState::Paused, 2));
    let waiting = RunOutcome::Cancelled;
    let mut outcomes = world.outcomes("t").await;
    outcomes.sort_by_key(|outcome| outcome.as_str());
    assert_eq!(outcomes, [waiting, RunOutcome::Failed, RunOutcome::Failed]);
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    let told: Vec<_> = said.iter().map(|said| said.text.contains("paused")).collect();
    assert_eq!(told, [false, true], "{said:?}");
}

pub async fn a_run_that_does_not_fail_forgets_the_failures(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.fired("t", spec("g"), &runner).await;
    let stopped = TurnCommit {
        outcome: RunOutcome::Failed,
        ..world.commit_of(batch.turn, batch.messages[0].ord, vec![], at(PERIOD + 1))
    };
    world.try_commit(&fence, &stopped).await.unwrap();
    assert_eq!(world.task_now("t").await.failures_in_row, 1);
    assert!(world.runs("t").await[0].error.is_some());
    world.fire_due("t").await;
    let batch = world.begin(&fence, at(2 * PERIOD)).await;
    world.end(&fence, &batch, RunOutcome::NotWoken, at(2 * PERIOD)).await;
    assert_eq!(world.task_now("t").await.failures_in_row, 0);
}

pub async fn sc_09_a_silence_after_an_early_word_is_an_answer(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.fired("t", spec("g"), &runner).await;
    let word = reply("tool", "g", "on it");
    let (fresh, now) = (world.outbox_id(), at(PERIOD));
    let recorded = world.store.record_effect(&fence, batch.turn, &word, fresh, now).await;
    recorded.unwrap();
    world.end(&fence, &batch, RunOutcome::Silent, at(PERIOD + 1)).await;
    world.fire_due("t").await;
    let batch = world.begin(&fence, at(2 * PERIOD)).await;
    world.end(&fence, &batch, RunOutcome::Silent, at(2 * PERIOD)).await;
    assert_eq!(world.outcomes("t").await, [RunOutcome::Silent, RunOutcome::Answered]);
}

pub async fn a_run_that_did_not_wake_the_model_keeps_session_and_context(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.chatter("g", "hm", at(2)).await;
    world.task("t", spec("g")).await;
    world.fire_due("t").await;
    let batch = world.begin(&fence, at(PERIOD)).await;
    assert_eq!(texts(&batch), ["hm", "report"]);
    let asleep = TurnCommit {
        outcome: RunOutcome::NotWoken,
        session: None,
        ..world.commit_of(batch.turn, batch.messages[1].ord, vec![], at(PERIOD))
    };
    world.try_commit(&fence, &asleep).await.unwrap();
    assert_eq!(world.outcomes("t").await, [RunOutcome::NotWoken]);
    world.call("g", "you there?", at(PERIOD + 1)).await;
    let batch = world.begin(&fence, at(PERIOD + 2)).await;
    assert_eq!(texts(&batch), ["hm", "you there?"]);
    assert_eq!(batch.session, Some(SessionId::new("session")));
}

pub async fn sc_d2_a_task_that_lost_its_chat_is_paused(world: World) {
    let runner = world.runner("r", 5).await;
    world.task("t", spec("g")).await;
    world.store.register_chat(&chat_of("g"), None).await.unwrap();
    let refused = world.store.run_task_now(&id("t"), None, at(5)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let report = world.fire_due("t").await;
    assert!(report.paused && report.admitted.is_empty());
    assert_eq!(world.task_now("t").await.state, TaskState::Paused);
    let runs = world.runs("t").await;
    assert_eq!(
        (runs[0].outcome, runs[0].error.as_deref()),
        (RunOutcome::Failed, Some(CHAT_LOST))
    );
    assert!(world.try_claim(&runner, 5, at(PERIOD)).await.unwrap().is_empty());
}

pub async fn an_agent_that_lost_its_group_changes_no_task(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("g", &runner).await;
    let task = world.task("t", spec("g")).await;
    let other = Task::made(id("u"), spec("g"), at(0)).unwrap();
    let kept = world.store.put_task(&task.paused(), Some(&fence), at(1)).await.unwrap();
    let kept = kept.unwrap();
    world.restart(&runner, at(2)).await;
    let held = Some(&fence);
    for fenced in [
        world.store.put_task(&other, held, at(3)).await.map(drop),
        world.store.put_task(&kept.resumed(at(3)), held, at(3)).await.map(drop),
        world.store.run_task_now(&id("t"), held, at(3)).await.map(drop),
        world.store.remove_task(&id("t"), held, at(3)).await,
    ] {
        assert!(matches!(fenced, Err(Error::Fenced(_))), "{fenced:?}");
    }
    assert_eq!(world.store.tasks(None).await.unwrap(), [kept]);
}

pub async fn main_may_change_tasks_of_another_group(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("main", &runner).await;
    let task = world.task("t", spec("g")).await;
    let held = Some(&fence);
    let paused = world.store.put_task(&task.paused(), held, at(1)).await.unwrap();
    assert!(paused.is_some());
    world.store.run_task_now(&id("t"), held, at(2)).await.unwrap();
    world.store.remove_task(&id("t"), held, at(3)).await.unwrap();
}

pub async fn a_removed_group_takes_its_tasks(world: World) {
    world.task("t", spec("g")).await;
    world.task("u", spec("other")).await;
    world.fire_due("t").await;
    world.store.remove_group(&group_id("g")).await.unwrap();
    assert_eq!(world.store.tasks(None).await.unwrap().len(), 1);
    world.group("g").await;
    assert!(world.store.task_runs(&RunsOf::All, 10).await.unwrap().is_empty());
    world.task("t", spec("g")).await;
    assert_eq!(
        world.fire_due("t").await.admitted,
        [at(PERIOD)],
        "nothing is left of its former life"
    );
}

pub async fn retention_takes_runs_that_ended_and_tasks_that_are_done(world: World) {
    let keep = Duration::from_millis(1_000);
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.fired("t", spec("g"), &runner).await;
    world.end(&fence, &batch, RunOutcome::Silent, at(PERIOD)).await;
    world.fire_due("t").await;
    let task = world.task("once", spec("g")).await;
    let last = FireTask {
        next_due: None,
        ..fire(&task, &[PERIOD])
    };
    world.fire(&last, at(PERIOD)).await.unwrap();
    world.store.remove_old(keep, 100, at(PERIOD + 1_000)).await.unwrap();
    assert_eq!(world.runs("t").await.len(), 1);
    assert_eq!(world.store.tasks(None).await.unwrap().len(), 2);
    world.store.remove_old(keep, 100, at(PERIOD + 1_002)).await.unwrap();
    assert!(world.runs("t").await.is_empty());
    let left = world.store.tasks(None).await.unwrap();
    assert_eq!(left.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["t"]);
    let batch = world.begin(&fence, at(2 * PERIOD)).await;
    world.end(&fence, &batch, RunOutcome::Silent, at(2 * PERIOD)).await;
    assert_eq!(world.runs("t").await.len(), 1, "an unfinished firing stays");
    assert_eq!(batch.messages[0].ord, InboxOrd(2));
}
