//! More groups than slots, over two runners: an idle sandbox makes room at once, and whoever has always more to do makes room in
//! between.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tests::fleet::{Call, Fleet, PATIENCE, Platform, Registrar, Tables, check, group_name};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const RUNNERS: usize = 2;

/// Until somebody who waits for a slot is answered: two sweeps, what the agent in it has been told already, and the turn itself,
/// on a machine that does other things.
const SERVED: Duration = Duration::from_secs(10);

/// How long the model thinks where sandboxes are to be busy.
const THINKS: Duration = Duration::from_millis(300);

/// A fleet of two runners with few slots each, in which a sandbox that nobody needs stays for longer than any story.
async fn crowded(rooms: usize, slots: usize) -> Fleet {
    Fleet::builder()
        .services(1, 1, RUNNERS)
        .rooms(rooms)
        .env("MAX_CONCURRENT_CONTAINERS", slots)
        .env("IDLE_TIMEOUT", 3_600_000)
        .start()
        .await
}

async fn until_all_answered(fleet: &Fleet) {
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
}

/// Most calls that were under way at the same time.
fn most_at_once(calls: &[Call]) -> usize {
    let beside = |one: &Call| {
        let under_way = |call: &&Call| call.began <= one.began && call.ended.is_none_or(|ended| ended > one.began);
        calls.iter().filter(under_way).count()
    };
    calls.iter().map(beside).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_beyond_all_slots_are_answered_at_once_in_place_of_idle_ones_and_never_beside_them() {
    const SLOTS: usize = 2;
    const ALL: usize = RUNNERS * SLOTS;
    const ROOMS: usize = 3 * ALL;
    let fleet = crowded(ROOMS, SLOTS).await;
    // All at the same time, so that there is no slot left on any runner.
    for room in 0..ALL {
        fleet.begin_turn(room, "").await;
    }
    fleet.model.answer_now();
    until_all_answered(&fleet).await;
    let slots = Tables::connect(&fleet).await.count("SELECT COUNT(*) FROM slots").await;
    assert_eq!(slots, ALL as i64, "all sandboxes are warm");

    // Two that are new here, and then those that had to make room for them.
    for room in [ALL, ALL + 1].into_iter().chain(0..ALL) {
        let took = fleet.ask(room).await;
        assert!(took < SERVED, "room {room}: {took:?}\n{}", fleet.logs());
    }

    // Three times as many as there are slots, all at once and twice.
    fleet.model.thinks(THINKS / 3);
    for room in (0..ROOMS).chain(0..ROOMS) {
        fleet.platform.say(room, "").await;
    }
    until_all_answered(&fleet).await;
    assert_eq!(most_at_once(&fleet.model.calls()), ALL, "as many as there are slots");
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_slot_of_another_runner_is_taken_before_an_idle_sandbox_is_closed() {
    const SLOTS: usize = 4;
    let mut fleet = Fleet::builder()
        .services(1, 1, RUNNERS)
        .rooms(RUNNERS * SLOTS)
        .env("MAX_CONCURRENT_CONTAINERS", SLOTS)
        .env("IDLE_TIMEOUT", 3_600_000)
        .prepare()
        .await;
    fleet.gateways[0].start();
    fleet.schedulers[0].start();
    fleet.runners[0].start();
    for room in 0..SLOTS {
        fleet.ask(room).await;
    }
    fleet.runners[1].start();
    fleet.ready().await;
    for room in SLOTS..RUNNERS * SLOTS {
        fleet.ask(room).await;
        assert_eq!(fleet.holder(room).await, 1, "room {room}\n{}", fleet.logs());
    }
    for room in 0..SLOTS {
        fleet.ask(room).await;
        assert_eq!(fleet.holder(room).await, 0, "room {room} is where it was");
    }
    for runner in &fleet.runners {
        assert_eq!(
            runner.metric("clawhold_evictions_total").await,
            0.0,
            "{}",
            runner.name()
        );
    }
    check(&fleet).await;
}

/// Talks in a room without end: while its agent works on one message, more are waiting. Ends once it may, and all is answered.
async fn talk(platform: Arc<Platform>, room: usize, until: CancellationToken) {
    const AHEAD: usize = 4;
    let mut waiting = VecDeque::new();
    loop {
        while waiting.len() < AHEAD && !until.is_cancelled() {
            waiting.push_back(platform.say(room, "").await);
        }
        let Some(oldest) = waiting.pop_front() else { return };
        platform.until_answered(oldest).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_talk_without_end_do_not_keep_the_slots_from_one_that_says_a_word() {
    const QUIET: usize = RUNNERS;
    let fleet = crowded(RUNNERS + 1, 1).await;
    fleet.model.thinks(THINKS);
    let (enough, mut talking) = (CancellationToken::new(), JoinSet::new());
    for room in 0..QUIET {
        talking.spawn(talk(Arc::clone(&fleet.platform), room, enough.clone()));
    }
    let answers = |room: usize| {
        let spoken = fleet.platform.spoken();
        spoken.iter().filter(|spoken| spoken.room == room).count()
    };
    let each_has_a_slot = async || (0..QUIET).all(|room| answers(room) >= 3);
    fleet.until("both to have a slot", each_has_a_slot).await;
    // Each time anew: what is idle again makes room for those who talk.
    for _ in 0..3 {
        let took = fleet.ask(QUIET).await;
        assert!(took < SERVED, "{took:?}\n{}", fleet.logs());
    }
    enough.cancel();
    let ended = tokio::time::timeout(PATIENCE, talking.join_all()).await;
    assert!(
        ended.is_ok(),
        "not answered: {:?}\n{}",
        fleet.platform.unanswered(),
        fleet.logs()
    );
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_full_of_tasks_do_not_keep_the_slots_from_somebody_who_speaks() {
    const QUIET: usize = RUNNERS;
    /// Of each group: work for eighteen seconds.
    const TASKS: usize = 60;
    let fleet = crowded(RUNNERS + 1, 1).await;
    fleet.model.thinks(THINKS);
    let registrar = Registrar::connect(&fleet.database).await;
    for number in 0..TASKS {
        for room in 0..QUIET {
            let (id, chat) = (format!("task-{room}-{number}"), format!("webhook:chaos:{room}"));
            registrar.put_due_task(&id, &chat, &group_name(room)).await;
        }
    }
    let tables = Tables::connect(&fleet).await;
    let fired = async || tables.count("SELECT COUNT(*) FROM firings").await as usize;
    let each_has_a_slot = || {
        let calls = fleet.model.calls();
        (0..QUIET).all(|room| calls.iter().any(|call| call.group == group_name(room)))
    };
    fleet
        .until("all tasks to be fired and both groups to be at them", async || {
            fired().await == QUIET * TASKS && each_has_a_slot()
        })
        .await;

    let took = fleet.ask(QUIET).await;
    assert!(took < SERVED, "{took:?}\n{}", fleet.logs());
    for room in 0..QUIET {
        let group = group_name(room);
        let left = format!("SELECT COUNT(*) FROM firings WHERE group_id = '{group}' AND outcome IS NULL");
        assert!(
            tables.count(&left).await > 0,
            "{group} was done before somebody else had its slot"
        );
    }

    // And nothing of theirs is lost over it.
    fleet.model.thinks(Duration::ZERO);
    fleet
        .until("all tasks to be done", async || {
            let left = "SELECT COUNT(*) FROM firings WHERE outcome IS NULL";
            tables.count(left).await == 0
        })
        .await;
    let answered = "SELECT COUNT(*) FROM firings WHERE outcome = 'answered'";
    assert_eq!(tables.count(answered).await as usize, QUIET * TASKS);
    check(&fleet).await;
}
