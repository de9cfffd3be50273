//! Stories of runs: what happens, and what the run wants done.

use uuid::Uuid;

use super::*;
use crate::ids::{GroupId, SessionId};
use crate::inbound::{Details, Envelope};
use crate::ipc::AgentResult;
use crate::task::{ContextMode, FiringRef, RunOutcome, TaskId};
use crate::time::Timestamp;
use crate::turn::answer::{final_replies, run_outcome};
use crate::turn::{TurnBatch, Usage};

const LIMITS: RunLimits = RunLimits {
    start: Duration::from_secs(60),
    silence: Duration::from_secs(30),
    turn: Duration::from_secs(600),
    idle: Duration::from_secs(100),
    close: Duration::from_secs(3),
};

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn message(ord: i64, engages: bool) -> InboxMessage {
    let envelope = Envelope {
        dedup_key: format!("cli:local:{ord}"),
        group: GroupId::parse("main").unwrap(),
        chat: ChatId::new(format!("cli:{ord}")),
        sender: "u".into(),
        sender_name: "U".into(),
        text: "hi".into(),
        sent_at: Timestamp::default(),
        engages,
        trace: None,
        task: None,
        details: Details::default(),
    };
    InboxMessage {
        ord: InboxOrd(ord),
        envelope,
    }
}

fn firing(ord: i64, context: ContextMode) -> InboxMessage {
    let mut firing = message(ord, true);
    firing.envelope.task = Some(FiringRef {
        task: TaskId::parse("task").unwrap(),
        due_at: Timestamp::default(),
        context,
        check_script: None,
    });
    firing
}

fn batch(turn: u128, cursor: i64, ords: std::ops::RangeInclusive<i64>) -> Event {
    batch_of(turn, cursor, ords.map(|ord| message(ord, true)).collect())
}

fn batch_of(turn: u128, cursor: i64, messages: Vec<InboxMessage>) -> Event {
    Event::Begun(Box::new(TurnBatch {
        turn: TurnId(Uuid::from_u128(turn)),
        attempt: 1,
        runner_deaths: 0,
        cursor: InboxOrd(cursor),
        messages,
        session: None,
        interrupted: None,
        snapshot: None,
    }))
}

/// With more pending.
const COMMITTED: Event = Event::Committed { more: true };

fn answered(through: i64) -> AgentResult {
    AgentResult {
        subtype: "success".into(),
        is_error: false,
        text: Some("done".into()),
        consumed_through: Some(InboxOrd(through)),
        session_id: Some(SessionId::new("s")),
        num_turns: 1,
        duration_ms: 1,
        cost_usd: None,
        usage: Usage::default(),
        error: None,
    }
}

fn result(through: i64) -> Event {
    Event::Result(Box::new(answered(through)))
}

/// Takes steps and names the effects of the last one.
fn steps(run: &mut Run, now: u64, events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let mut last = Vec::new();
    for event in events {
        last = run.transition(event, at(now)).unwrap();
    }
    last.iter().map(name).collect()
}

fn name(effect: &Effect) -> String {
    match effect {
        Effect::BeginTurn => "begin".into(),
        Effect::StartSandbox(batch) => format!("start..{}", batch.messages.len()),
        Effect::HandOver(batch) => format!("hand over..{}", batch.messages.len()),
        Effect::FollowUp { messages, .. } => format!("follow up..{}", messages.len()),
        Effect::Commit { through, .. } => format!("commit {through}"),
        Effect::Say { text, .. } => format!("say {text}"),
        Effect::Fail { reason, .. } => format!("fail: {reason}"),
        Effect::Close(reason) => format!("close {reason:?}"),
        Effect::Kill => "kill".into(),
        Effect::Release { interrupted } => format!("release{}", if *interrupted { " interrupted" } else { "" }),
    }
}

fn working(messages: i64) -> Run {
    let mut run = Run::claimed(LIMITS);
    assert_eq!(
        steps(&mut run, 0, [batch(1, 0, 1..=messages)]),
        [format!("start..{messages}")]
    );
    assert!(steps(&mut run, 0, [Event::AgentReady]).is_empty());
    run
}

fn idle() -> Run {
    let mut run = working(1);
    assert_eq!(steps(&mut run, 1, [result(1)]), ["commit 1"]);
    assert!(steps(&mut run, 1, [Event::Committed { more: false }]).is_empty());
    run
}

#[test]
fn a_message_is_answered_and_the_sandbox_stays_warm_for_the_next() {
    let mut run = idle();
    assert_eq!(
        steps(
            &mut run,
            2,
            [Event::InboxGrew(vec![message(2, false), message(3, true)])]
        ),
        ["begin"]
    );
    assert_eq!(steps(&mut run, 2, [batch(2, 1, 2..=3)]), ["hand over..2"]);
    assert_eq!(steps(&mut run, 3, [result(3)]), ["commit 3"]);
}

#[test]
fn what_is_pending_at_a_commit_is_begun_at_once_and_may_be_gone_by_then() {
    let mut run = working(1);
    assert_eq!(steps(&mut run, 1, [result(1), COMMITTED]), ["begin"]);
    assert!(steps(&mut run, 1, [Event::NothingPending]).is_empty());
    assert!(run.idle_since().is_some());
}

#[test]
fn a_follow_up_that_was_not_consumed_is_begun_whatever_else_is_pending() {
    let mut run = working(1);
    steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)]), result(1)]);
    assert_eq!(steps(&mut run, 1, [Event::Committed { more: false }]), ["begin"]);
}

#[test]
fn a_call_begins_a_turn_of_an_idle_sandbox_and_interrupts_nothing() {
    let mut run = idle();
    assert_eq!(steps(&mut run, 2, [Event::Called]), ["begin"]);
    assert_eq!(
        steps(&mut run, 2, [Event::Called, batch(2, 1, 2..=2)]),
        ["hand over..1"]
    );
    assert!(steps(&mut run, 3, [Event::Called]).is_empty());
}

#[test]
fn a_call_that_comes_too_late_changes_nothing() {
    let mut run = idle();
    let since = run.idle_since();
    steps(&mut run, 50, [Event::Called, Event::NothingPending]);
    assert_eq!(run.idle_since(), since, "it is no younger for it");
    steps(&mut run, 50, [Event::OthersWait(true)]);
    assert!(
        !run.begins_when_called(),
        "somebody must look before it closes for others"
    );
    assert!(steps(&mut run, 50, [Event::Called]).is_empty());
}

#[test]
fn claimed_but_empty_is_released_and_the_attempt_given_back() {
    let mut run = Run::claimed(LIMITS);
    assert_eq!(steps(&mut run, 0, [Event::NothingPending]), ["release interrupted"]);
    assert!(run.is_done());
}

#[test]
fn a_follow_up_that_was_not_consumed_is_the_next_turn_in_the_same_sandbox() {
    let mut run = working(1);
    assert_eq!(
        steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)])]),
        ["follow up..1"]
    );
    assert_eq!(
        steps(&mut run, 2, [result(1)]),
        ["commit 1"],
        "the cursor goes only as far as was consumed"
    );
    assert_eq!(steps(&mut run, 2, [COMMITTED]), ["begin"]);
    assert_eq!(
        steps(&mut run, 2, [batch(2, 1, 2..=3)]),
        ["follow up..1"],
        "2 was handed over before, 3 is new"
    );
    assert_eq!(steps(&mut run, 3, [result(3)]), ["commit 3"]);
}

#[test]
fn a_follow_up_consumed_by_the_running_turn_is_covered_by_its_commit() {
    let mut run = working(1);
    steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)])]);
    let effects = run.transition(result(2), at(2)).unwrap();
    let [Effect::Commit { turn, through, result }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(*through, InboxOrd(2));
    assert_eq!(
        final_replies(turn, *through, result)[0].chat,
        ChatId::new("cli:2"),
        "the answer goes where it was asked"
    );
}

#[test]
fn a_contract_without_exact_consumption_gets_no_follow_ups() {
    let mut run = Run::claimed(LIMITS);
    run.speaks_nanoclaw();
    steps(&mut run, 0, [batch(1, 0, 1..=1), Event::AgentReady]);
    assert!(steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)])]).is_empty());
}

#[test]
fn a_busy_group_does_not_run_again_before_groups_that_waited_longer() {
    let mut run = working(1);
    steps(&mut run, 1, [Event::OthersWait(true)]);
    assert!(
        steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)])]).is_empty(),
        "no follow-ups while others wait"
    );
    assert_eq!(steps(&mut run, 2, [result(1)]), ["commit 1"]);
    assert_eq!(steps(&mut run, 2, [COMMITTED]), ["close Evicted"]);
    assert_eq!(
        steps(&mut run, 2, [Event::Exited(Exit { reason: String::new() })]),
        ["kill", "release"]
    );
}

#[test]
fn what_was_handed_over_is_answered_even_when_others_wait() {
    let mut run = working(1);
    steps(
        &mut run,
        1,
        [Event::InboxGrew(vec![message(2, true)]), Event::OthersWait(true)],
    );
    assert_eq!(steps(&mut run, 2, [result(1), COMMITTED]), ["begin"]);
}

#[test]
fn only_an_idle_sandbox_is_evicted_or_closed_by_time() {
    assert!(steps(&mut working(1), 5, [Event::Evict]).is_empty());
    assert_eq!(steps(&mut idle(), 5, [Event::Evict]), ["close Evicted"]);
    assert_eq!(steps(&mut idle(), 101, [Event::Tick { alive: false }]), ["close Idle"]);
    let mut run = idle();
    assert_eq!(steps(&mut run, 101, [Event::Tick { alive: false }]), ["close Idle"]);
    assert_eq!(
        steps(&mut run, 104, [Event::Tick { alive: false }]),
        ["kill"],
        "what does not finish is killed"
    );
    assert_eq!(
        steps(&mut run, 107, [Event::Tick { alive: false }]),
        ["release"],
        "and the group goes on without it"
    );
}

#[test]
fn a_draining_runner_finishes_the_turn_and_then_closes() {
    let mut run = working(1);
    assert!(steps(&mut run, 1, [Event::Drain]).is_empty());
    assert_eq!(steps(&mut run, 2, [result(1), COMMITTED]), ["close Drain"]);
    assert_eq!(steps(&mut idle(), 2, [Event::Drain]), ["close Drain"]);
    assert_eq!(
        steps(&mut working(1), 2, [Event::Stop]),
        ["kill", "release interrupted"]
    );
}

#[test]
fn a_runtime_that_is_down_is_no_attempt() {
    let mut starting = Run::claimed(LIMITS);
    steps(&mut starting, 0, [batch(1, 0, 1..=1)]);
    assert_eq!(
        steps(&mut starting, 1, [Event::Interrupted]),
        ["kill", "release interrupted"]
    );
}

#[test]
fn silence_overlong_turns_and_dead_sandboxes_fail_the_attempt() {
    let mut starting = Run::claimed(LIMITS);
    steps(&mut starting, 0, [batch(1, 0, 1..=1)]);
    assert_eq!(
        steps(&mut starting, 60, [Event::Tick { alive: false }]),
        ["kill", "fail: the sandbox did not become ready within 60 s"]
    );
    assert_eq!(
        steps(&mut working(1), 30, [Event::Tick { alive: false }]),
        ["kill", "fail: the agent gave no sign of life within 30 s"]
    );
    let mut long = working(1);
    for second in (0..600).step_by(20) {
        assert!(steps(&mut long, second, [Event::Tick { alive: true }]).is_empty());
    }
    assert_eq!(
        steps(&mut long, 600, [Event::Tick { alive: false }]),
        ["kill", "fail: the agent was not done within 600 s"]
    );
    let exit = Exit {
        reason: "exit code 137".into(),
    };
    assert_eq!(
        steps(&mut working(1), 5, [Event::Exited(exit.clone())]),
        ["kill", "fail: exit code 137"]
    );
    assert_eq!(steps(&mut idle(), 5, [Event::Exited(exit)]), ["kill", "release"]);
}

#[test]
fn ar_d1_an_error_is_reported_as_what_it_is() {
    let error = AgentResult {
        is_error: true,
        text: Some("API Error: 529".into()),
        ..answered(1)
    };
    assert_eq!(
        steps(&mut working(1), 1, [Event::Result(Box::new(error))]),
        ["kill", "fail: success: API Error: 529"]
    );
    let limit = AgentResult {
        is_error: true,
        subtype: "error_max_turns".into(),
        text: None,
        ..answered(1)
    };
    let effects = working(1).transition(Event::Result(Box::new(limit)), at(1)).unwrap();
    let [Effect::Commit { turn, through, result }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(
        final_replies(turn, *through, result)[0].text.contains("more steps"),
        "the same again would end the same way"
    );
}

#[test]
fn a_result_that_answers_nothing_new_is_said_without_moving_the_cursor() {
    let extra = AgentResult {
        consumed_through: None,
        ..answered(0)
    };
    let mut run = working(1);
    assert_eq!(steps(&mut run, 1, [Event::Result(Box::new(extra))]), ["say done"]);
    assert_eq!(steps(&mut run, 2, [result(1)]), ["commit 1"]);
}

#[test]
fn signs_of_life_do_not_lift_the_other_limits() {
    let beat = || [Event::Tick { alive: true }];
    assert_eq!(steps(&mut idle(), 101, beat()), ["close Idle"]);
    let mut closing = idle();
    steps(&mut closing, 101, beat());
    assert_eq!(steps(&mut closing, 104, beat()), ["kill"]);
    let mut working = working(1);
    let extra = AgentResult {
        consumed_through: None,
        ..answered(0)
    };
    steps(&mut working, 599, [Event::Result(Box::new(extra))]);
    assert_eq!(
        steps(&mut working, 600, beat()),
        ["kill", "fail: the agent was not done within 600 s"]
    );
}

#[test]
fn what_the_agent_says_after_its_turn_is_heard() {
    let extra = AgentResult {
        consumed_through: None,
        ..answered(0)
    };
    assert_eq!(steps(&mut idle(), 2, [Event::Result(Box::new(extra))]), ["say done"]);
}

#[test]
fn after_a_limit_of_the_sandbox_the_next_turn_gets_a_fresh_one() {
    let limit = AgentResult {
        is_error: true,
        subtype: "error_max_budget_usd".into(),
        consumed_through: None,
        ..answered(0)
    };
    let mut run = working(2);
    assert_eq!(
        steps(&mut run, 1, [Event::Result(Box::new(limit))]),
        ["commit 2"],
        "all that was handed over is dealt with"
    );
    assert_eq!(steps(&mut run, 1, [COMMITTED]), ["close Idle"]);
}

#[test]
fn an_agent_cannot_consume_more_than_it_was_handed() {
    assert_eq!(steps(&mut working(2), 1, [result(99)]), ["commit 2"]);
}

#[test]
fn a_lost_fence_kills_and_writes_nothing() {
    let mut run = working(1);
    assert_eq!(steps(&mut run, 1, [Event::FenceLost]), ["kill"]);
    assert!(run.is_done());
    assert!(steps(&mut run, 1, [result(1), Event::Tick { alive: false }, Event::Stop]).is_empty());
}

#[test]
fn an_answer_that_was_not_asked_for_is_a_named_error() {
    let error = working(1).transition(COMMITTED, at(1)).unwrap_err();
    assert_eq!(error.to_string(), "event committed cannot happen while working");
}

#[test]
fn a_firing_is_the_next_turn_of_an_idle_sandbox_at_once() {
    let mut run = idle();
    let grew = Event::InboxGrew(vec![firing(2, ContextMode::Group)]);
    assert_eq!(steps(&mut run, 2, [grew]), ["begin"]);
    let begun = batch_of(2, 1, vec![firing(2, ContextMode::Group)]);
    assert_eq!(steps(&mut run, 2, [begun]), ["hand over..1"]);
    assert_eq!(steps(&mut run, 3, [result(2)]), ["commit 2"]);
    assert_eq!(steps(&mut run, 3, [COMMITTED]), ["begin"]);
}

#[test]
fn a_firing_does_not_join_a_turn_and_nothing_joins_a_firing() {
    let mut run = working(1);
    let grew = Event::InboxGrew(vec![firing(2, ContextMode::Group)]);
    assert!(steps(&mut run, 1, [grew]).is_empty());
    assert_eq!(steps(&mut run, 2, [result(1)]), ["commit 1"]);
    let begun = batch_of(2, 1, vec![firing(2, ContextMode::Group)]);
    assert_eq!(steps(&mut run, 2, [COMMITTED, begun]), ["hand over..1"]);
    assert!(steps(&mut run, 3, [Event::InboxGrew(vec![message(3, true)])]).is_empty());
    assert_eq!(steps(&mut run, 4, [result(2)]), ["commit 2"]);
}

#[test]
fn an_isolated_firing_gets_a_sandbox_of_its_own_and_the_attempt_back_for_it() {
    let mut run = idle();
    let grew = Event::InboxGrew(vec![firing(2, ContextMode::Isolated)]);
    let begun = batch_of(2, 1, vec![firing(2, ContextMode::Isolated)]);
    assert_eq!(steps(&mut run, 2, [grew, begun]), ["close Evicted"]);
    let exited = Event::Exited(Exit { reason: "0".into() });
    assert_eq!(steps(&mut run, 3, [exited]), ["kill", "release interrupted"]);
    assert!(run.is_done());
}

#[test]
fn the_sandbox_of_an_isolated_firing_serves_nothing_else() {
    let mut run = Run::claimed(LIMITS);
    let begun = batch_of(1, 0, vec![firing(1, ContextMode::Isolated)]);
    assert_eq!(steps(&mut run, 0, [begun]), ["start..1"]);
    assert!(
        steps(
            &mut run,
            0,
            [Event::AgentReady, Event::InboxGrew(vec![message(2, true)])]
        )
        .is_empty()
    );
    assert_eq!(steps(&mut run, 1, [result(1)]), ["commit 1"]);
    assert_eq!(steps(&mut run, 1, [COMMITTED]), ["close Idle"]);
}

fn command(ord: i64, command: SessionCommand) -> InboxMessage {
    let mut message = message(ord, true);
    message.envelope.text = command.as_str().into();
    message.envelope.details.command = Some(command);
    message
}

#[test]
fn op_01_a_new_conversation_is_committed_without_any_sandbox() {
    let mut run = Run::claimed(LIMITS);
    let begun = batch_of(1, 0, vec![command(1, SessionCommand::New)]);
    assert_eq!(steps(&mut run, 0, [begun]), ["commit 1"]);
    assert_eq!(steps(&mut run, 0, [COMMITTED]), ["release"]);
    assert!(run.is_done());
}

#[test]
fn op_01_a_new_conversation_closes_the_warm_sandbox_first() {
    let mut run = idle();
    let new = vec![command(2, SessionCommand::New)];
    assert_eq!(steps(&mut run, 2, [Event::InboxGrew(new.clone())]), ["begin"]);
    assert_eq!(steps(&mut run, 2, [batch_of(2, 1, new)]), ["close Evicted"]);
    let exited = Event::Exited(Exit { reason: "done".into() });
    assert_eq!(steps(&mut run, 3, [exited]), ["kill", "release interrupted"]);
}

#[test]
fn op_01_a_command_does_not_join_a_turn_and_nothing_joins_a_command() {
    let mut run = working(1);
    let compact = vec![command(2, SessionCommand::Compact)];
    assert!(steps(&mut run, 1, [Event::InboxGrew(compact.clone())]).is_empty());
    assert_eq!(steps(&mut run, 1, [result(1), COMMITTED]), ["begin"]);
    assert_eq!(steps(&mut run, 1, [batch_of(2, 1, compact)]), ["hand over..1"]);
    assert!(steps(&mut run, 1, [Event::InboxGrew(vec![message(3, true)])]).is_empty());
}

#[test]
fn a_turn_that_somebody_stops_is_killed_and_committed_with_what_was_handed_over() {
    let mut run = working(1);
    steps(&mut run, 1, [Event::InboxGrew(vec![message(2, true)])]);
    let stop = Event::StopTurn(TurnId(Uuid::from_u128(1)));
    let effects = run.transition(stop, at(2)).unwrap();
    assert_eq!(effects.iter().map(name).collect::<Vec<_>>(), ["kill", "commit 2"]);
    let Some(Effect::Commit { turn, through, result }) = effects.last() else {
        panic!("it commits");
    };
    let said = final_replies(turn, *through, result);
    assert_eq!(said[0].text, "Stopped.");
    assert_eq!(run_outcome(turn, result, &said), RunOutcome::Cancelled);
    assert_eq!(steps(&mut run, 2, [COMMITTED]), ["release"]);
}

#[test]
fn a_stop_that_is_meant_for_another_turn_stops_nothing() {
    let mut run = working(1);
    assert!(steps(&mut run, 1, [Event::StopTurn(TurnId(Uuid::from_u128(9)))]).is_empty());
    assert_eq!(steps(&mut run, 1, [result(1)]), ["commit 1"]);
    assert!(steps(&mut run, 1, [Event::StopTurn(TurnId(Uuid::from_u128(1)))]).is_empty());
}
