//! Firings: from a due instant to work in the inbox, and from the end of its turn to history.

use std::collections::BTreeSet;

use proto::claim::Fence;
use proto::ids::{GroupId, RunnerId, TurnId};
use proto::inbound::Envelope;
use proto::task::{
    Admission, AfterRun, CHAT_LOST, FireReport, FireTask, Fired, FiringRef, RunOutcome, Task, TaskId, TaskState,
    decide_after_run, decide_overlap, firing_envelope, missed_reason,
};
use proto::time::Timestamp;

use super::columns::{all, count, get, parsed, parsed_option, time};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use super::{inbox, tasks};
use crate::ending::Ending;
use crate::tasks::{OVERLAPPED, checks, not_found};

/// Keys looked through for a free one by a task that is run by hand.
const KEYS_MAX: u32 = 1_000;

/// The task and its surroundings, read under the lock of its group.
struct Ground {
    task: Task,
    head: i64,
    report: FireReport,
    has_its_chat: bool,
    unfinished: u32,
}

pub(super) async fn fire(tx: &Tx, fire: &FireTask, now: Timestamp) -> Result<Fired> {
    tasks::lock_group(tx, &fire.task, None).await?;
    let dues: Vec<i64> = fire
        .fire
        .iter()
        .chain([&fire.seen])
        .map(|due| due.as_millis())
        .collect();
    let known = statement!(
        "SELECT due_at FROM firings WHERE task_id = $1 AND due_at = ANY($2)",
        &fire.task,
        dues,
    );
    let (ground, known) = look_around(tx, &fire.task, known).await?;
    let as_seen = |ground: &Ground| {
        let task = &ground.task;
        task.version == fire.version && task.next_due == Some(fire.seen) && task.state == TaskState::Active
    };
    let Some(ground) = ground.filter(as_seen) else {
        return Ok(Fired::Overtaken);
    };
    let (task, mut report) = (&ground.task, ground.report);
    if !ground.has_its_chat {
        let paused = Task {
            version: task.version + 1,
            ..task.paused()
        };
        let lost = Ended::new(fire.seen, RunOutcome::Failed, CHAT_LOST);
        tx.commit([
            tasks::update(&paused, now),
            cancel(&task.id, now),
            put_ended(task, vec![lost], now),
        ])
        .await?;
        report.paused = true;
        return Ok(Fired::Done(report));
    }
    let (mut work, mut ended) = (Vec::new(), Vec::new());
    if fire.missed > 0 {
        ended.push(Ended::new(fire.seen, RunOutcome::Missed, &missed_reason(fire.missed)));
    }
    for due in fire.fire.iter().filter(|due| !known.contains(due)) {
        let unfinished = ground.unfinished + u32::try_from(work.len()).unwrap_or(u32::MAX);
        match decide_overlap(task.spec.policy.overlap, unfinished) {
            Admission::Admitted => work.push(*due),
            Admission::Skipped => {
                ended.push(Ended::new(*due, RunOutcome::Skipped, OVERLAPPED));
                report.skipped.push(*due);
            }
        }
    }
    report.admitted.clone_from(&work);
    let moved = Task {
        next_due: fire.next_due,
        state: fire.next_due.map_or(TaskState::Done, |_| TaskState::Active),
        version: task.version + 1,
        ..task.clone()
    };
    let mut statements = vec![tasks::update(&moved, now)];
    if !ended.is_empty() {
        statements.push(put_ended(task, ended, now));
    }
    if !work.is_empty() {
        statements.extend(put(task, &work, ground.head, now)?);
    }
    tx.commit_all(statements).await?;
    Ok(Fired::Done(report))
}

pub(super) async fn run_now(tx: &Tx, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
    tasks::lock_group(tx, id, fence).await?;
    let known = statement!(
        "SELECT due_at FROM firings WHERE task_id = $1 AND due_at >= $2 ORDER BY due_at LIMIT $3",
        id,
        now,
        KEYS_MAX,
    );
    let (ground, known) = look_around(tx, id, known).await?;
    let ground = ground.ok_or_else(|| not_found(id))?;
    checks::may_run_now(&ground.task, ground.has_its_chat, ground.unfinished)?;
    let mut due = now;
    while known.contains(&due) {
        due = due + checks::NEXT_KEY;
    }
    tx.commit_all(put(&ground.task, &[due], ground.head, now)?.into())
        .await?;
    let mut report = ground.report;
    report.admitted.push(due);
    Ok(report)
}

/// Reads the task and what decides about it, and the due instants that `known` finds. In statements after the lock.
async fn look_around(tx: &Tx, id: &TaskId, known: Statement<'_>) -> Result<(Option<Ground>, BTreeSet<Timestamp>)> {
    let around = statement!(
        "
        SELECT g.id, g.head_ord, g.owner, c.group_id AS chat_group,
            (SELECT r.id FROM runners r WHERE r.id = g.last_runner AND NOT r.dead) AS last_runner,
            (SELECT COUNT(*) FROM firings f WHERE f.task_id = t.id AND f.outcome IS NULL) AS unfinished
        FROM tasks t
        JOIN groups g ON g.id = t.group_id
        JOIN chats c ON c.id = t.chat_id
        WHERE t.id = $1
        ",
        id,
    );
    let [task, around, known] = tx.send_all([tasks::look_up(id), around, known]).await?;
    let known = all(&known.rows, |row| time(row, "due_at"))?.into_iter().collect();
    let Some(task) = tasks::found(&task)? else {
        return Ok((None, known));
    };
    let ground = read_ground(task, &around)?;
    Ok((Some(ground), known))
}

fn read_ground(task: Task, around: &Answer) -> Result<Ground> {
    let row = around.one()?;
    let runner = |column| Ok::<_, super::failure::Failure>(get::<Option<String>>(row, column)?.map(RunnerId::new));
    Ok(Ground {
        head: get(row, "head_ord")?,
        report: FireReport {
            group: parsed(row, "id")?,
            owner: runner("owner")?,
            last_runner: runner("last_runner")?,
            admitted: Vec::new(),
            skipped: Vec::new(),
            paused: false,
        },
        has_its_chat: parsed_option::<GroupId>(row, "chat_group")?.as_ref() == Some(&task.spec.group),
        unfinished: count(row, "unfinished")?,
        task,
    })
}

/// Makes due instants work. Without ON CONFLICT for the inbox: whoever puts firings holds the group's lock, and a key that is
/// there all the same fails the whole.
fn put(task: &Task, dues: &[Timestamp], head: i64, now: Timestamp) -> Result<[Statement<'static>; 3]> {
    let envelopes: Vec<Envelope> = dues
        .iter()
        .map(|due| firing_envelope(&task.id, &task.spec, *due))
        .collect();
    let ords: Vec<i64> = (head + 1..).take(dues.len()).collect();
    let sent: Vec<i64> = dues.iter().map(|due| due.as_millis()).collect();
    let firings: Vec<String> = envelopes
        .iter()
        .map(|envelope| inbox::task(envelope).map(Option::unwrap_or_default))
        .collect::<Result<_>>()?;
    let keys: Vec<String> = envelopes.iter().map(|envelope| envelope.dedup_key.clone()).collect();
    let messages = statement!(
        "
        INSERT INTO messages
            (group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, task, arrived_at)
        SELECT $1, ord, dedup_key, $2, $3, $4, $5, sent_at, TRUE, task, $6
        FROM UNNEST($7, $8, $9, $10) AS firing (ord, dedup_key, sent_at, task)
        ",
        task.spec.group.to_string(),
        task.spec.chat.to_string(),
        proto::task::FIRING_SENDER,
        proto::task::FIRING_SENDER_NAME,
        task.spec.prompt.clone(),
        now,
        ords.clone(),
        keys,
        sent.clone(),
        firings,
    );
    let fired = statement!(
        "
        INSERT INTO firings (task_id, due_at, group_id, fired_at, ord)
        SELECT $1, due_at, $2, $3, ord FROM UNNEST($4, $5) AS firing (due_at, ord)
        ",
        task.id.to_string(),
        task.spec.group.to_string(),
        now,
        sent,
        ords,
    );
    let grow = statement!(
        "
        WITH grown AS (
            UPDATE groups SET
                head_ord = head_ord + $2,
                ready_kind = CASE WHEN ready_at IS NULL THEN 'task' ELSE ready_kind END,
                ready_at = COALESCE(ready_at, $3)
            WHERE id = $1 AND head_ord = $4
            RETURNING 1
        )
        SELECT must_touch(1, COUNT(*)) FROM grown
        ",
        task.spec.group.to_string(),
        dues.len() as u64,
        now,
        head,
    );
    Ok([messages, fired, grow])
}

/// A due instant that became no work.
struct Ended {
    due: i64,
    outcome: &'static str,
    error: String,
}

impl Ended {
    fn new(due: Timestamp, outcome: RunOutcome, error: &str) -> Self {
        Self {
            due: due.as_millis(),
            outcome: outcome.as_str(),
            error: error.to_owned(),
        }
    }
}

fn put_ended(task: &Task, ended: Vec<Ended>, now: Timestamp) -> Statement<'static> {
    statement!(
        "
        INSERT INTO firings (task_id, due_at, group_id, fired_at, ended_at, outcome, error)
        SELECT $1, due_at, $2, $3, $3, outcome, error FROM UNNEST($4, $5, $6) AS ended (due_at, outcome, error)
        ON CONFLICT (task_id, due_at) DO NOTHING
        ",
        task.id.to_string(),
        task.spec.group.to_string(),
        now,
        ended.iter().map(|ended| ended.due).collect::<Vec<i64>>(),
        ended.iter().map(|ended| ended.outcome).collect::<Vec<&str>>(),
        ended.iter().map(|ended| ended.error.clone()).collect::<Vec<String>>(),
    )
}

/// Notes that a turn took the firing up.
pub(super) fn begin(firing: &FiringRef, turn: TurnId, now: Timestamp) -> Statement<'_> {
    statement!(
        "
        UPDATE firings SET turn_id = $3, started_at = COALESCE(started_at, $4)
        WHERE task_id = $1 AND due_at = $2 AND outcome IS NULL
        ",
        &firing.task,
        firing.due_at,
        turn,
        now,
    )
}

/// What is to be written about the end of a firing.
#[derive(Default)]
pub(super) struct End {
    pub(super) statements: Vec<Statement<'static>>,
    /// After how many failures in a row its task is paused, if it is.
    pub(super) paused: Option<u32>,
}

/// Decides about the firing that a turn covered, under the lock of its group.
pub(super) async fn end(tx: &Tx, ending: &Ending<'_>) -> Result<End> {
    let covered = statement!(
        "
        SELECT task_id, due_at, EXISTS (SELECT 1 FROM outbox WHERE turn_id = $1 AND early) AS said_early
        FROM firings WHERE turn_id = $1 AND outcome IS NULL AND ord <= $2
        ",
        ending.turn,
        ending.through,
    );
    let [covered] = tx.send_all([covered]).await?;
    let Some(row) = covered.row() else {
        return Ok(End::default());
    };
    let (id, due): (TaskId, i64) = (parsed(row, "task_id")?, get(row, "due_at")?);
    let outcome = ending.outcome(get(row, "said_early")?);
    let close = statement!(
        "
        WITH ended AS (
            UPDATE firings SET ended_at = $3, outcome = $4, cost_micros = $5, error = $6
            WHERE task_id = $1 AND due_at = $2 AND outcome IS NULL
            RETURNING 1
        )
        SELECT must_touch(1, COUNT(*)) FROM ended
        ",
        id.to_string(),
        due,
        ending.now,
        outcome.as_str(),
        ending.cost_micros,
        ending.error.map(str::to_owned),
    );
    let [task] = tx.send_all([tasks::look_up(&id)]).await?;
    // The task may be removed by now; its history is not.
    let mut end = match tasks::found(&task)? {
        Some(task) => count_run(task, outcome, ending.now),
        None => End::default(),
    };
    end.statements.push(close);
    Ok(end)
}

fn count_run(task: Task, outcome: RunOutcome, now: Timestamp) -> End {
    let changed = |task: &Task, failures_in_row| Task {
        failures_in_row,
        version: task.version + 1,
        ..task.clone()
    };
    match decide_after_run(task.failures_in_row, outcome, task.spec.policy.pause_after) {
        AfterRun::Pause { failures_in_row } if task.state == TaskState::Active => End {
            statements: vec![
                tasks::update(&changed(&task.paused(), failures_in_row), now),
                cancel(&task.id, now),
            ],
            paused: Some(failures_in_row),
        },
        AfterRun::Pause { failures_in_row } | AfterRun::GoOn { failures_in_row }
            if failures_in_row != task.failures_in_row =>
        {
            End {
                statements: vec![tasks::update(&changed(&task, failures_in_row), now)],
                paused: None,
            }
        }
        AfterRun::Pause { .. } | AfterRun::GoOn { .. } => End::default(),
    }
}

/// Takes the firings of a task that no turn has begun out of the inbox again. Gaps in an inbox are allowed.
pub(super) fn cancel(id: &TaskId, now: Timestamp) -> Statement<'static> {
    statement!(
        "
        WITH waiting AS (
            UPDATE firings SET ended_at = $2, outcome = 'cancelled'
            WHERE task_id = $1 AND outcome IS NULL AND turn_id IS NULL
            RETURNING group_id, ord
        )
        DELETE FROM messages m USING waiting WHERE m.group_id = waiting.group_id AND m.ord = waiting.ord
        ",
        id.to_string(),
        now,
    )
}
