//! Services that are asked to stop: what was begun is finished, nobody else waits for it, and the second time means now.

use std::time::{Duration, Instant};

use tests::fleet::{Fleet, Tables, check};

/// At once, on a machine that does other things: less than the 15 s after which a silent runner is declared dead.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What a service says when it is asked for the first time, and for the second.
const DRAINS: &str = "stopping; a second signal stops at once";
const STOPS: &str = "stopping at once";

/// Asks a runner to stop, and waits until it has heard it.
async fn ask_to_stop(fleet: &Fleet, runner: usize) {
    fleet.runners[runner].terminate();
    fleet
        .within(AT_ONCE, "the signal to be heard", async || {
            fleet.runners[runner].log_text().contains(DRAINS)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_asked_to_stop_finishes_its_turn_and_the_others_do_not_wait_for_it() {
    let mut fleet = Fleet::builder().services(1, 1, 2).rooms(2).prepare().await;
    fleet.gateways[0].start();
    fleet.schedulers[0].start();
    fleet.runners[0].start();
    // Both rooms are the first runner's.
    for room in 0..2 {
        fleet.ask(room).await;
    }
    fleet.runners[1].start();
    fleet.ready().await;
    let begun = fleet.begin_turn(0, "!early !write notes.txt milk").await;
    ask_to_stop(&fleet, 0).await;

    // Who had no turn there is served elsewhere meanwhile; what is said to the one that works is not begun any more.
    let took = fleet.ask(1).await;
    assert!(took < AT_ONCE, "{took:?}\n{}", fleet.logs());
    assert_eq!(fleet.holder(1).await, 1);
    let meanwhile = fleet.platform.say(0, "!read notes.txt").await;
    let tables = Tables::connect(&fleet).await;
    fleet
        .until("the message to be in the inbox", async || {
            let messages = "SELECT COUNT(*) FROM messages WHERE group_id = 'room-0'";
            tables.count(messages).await == 3
        })
        .await;
    assert!(fleet.runners[0].ended().is_none(), "{}", fleet.logs());
    assert!(!fleet.platform.is_answered(begun));

    let let_go = Instant::now();
    fleet.model.answer_now();
    let exit = fleet.runners[0].until_ended().await;
    assert!(exit.success(), "{exit}\n{}", fleet.logs());
    fleet
        .within(AT_ONCE, "the other runner to go on", async || {
            fleet.platform.is_answered(meanwhile)
        })
        .await;
    assert!(let_go.elapsed() < AT_ONCE, "{:?}", let_go.elapsed());
    assert_eq!(fleet.holder(0).await, 1);
    let calls = fleet.model.calls();
    let asked = calls.iter().filter(|call| call.numbers.contains(&begun));
    assert_eq!(asked.count(), 1, "the turn was finished, not begun again");
    let spoken = fleet.platform.spoken();
    assert!(
        spoken.iter().any(|spoken| spoken.text == "notes.txt: milk"),
        "its files went along: {spoken:?}"
    );

    // Nobody waits for its silence, and it leaves nothing behind.
    let gone = "SELECT COUNT(*) FROM runners WHERE id = 'runner-0' AND dead";
    assert_eq!(tables.count(gone).await, 1, "it has said goodbye");
    assert_eq!(fleet.runners[0].agents(), [] as [i32; 0]);
    check(&fleet).await;

    // The other services have nothing in hand.
    for service in fleet.services().filter(|service| service.runs()) {
        service.terminate();
        let exit = service.until_ended().await;
        assert!(
            exit.success(),
            "{}: {exit}; its log:\n{}",
            service.name(),
            service.log_tail()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_asked_twice_ends_in_the_middle_of_its_turn_and_another_answers_once() {
    let mut fleet = Fleet::builder().services(1, 1, 2).rooms(1).start().await;
    let number = fleet.begin_turn(0, "!early").await;
    let busy = fleet.holder(0).await;
    ask_to_stop(&fleet, busy).await;
    assert!(fleet.runners[busy].ended().is_none(), "{}", fleet.logs());

    let told = Instant::now();
    fleet.runners[busy].terminate();
    let exit = fleet.runners[busy].until_ended().await;
    // The turn it was in goes on for much longer.
    assert!(told.elapsed() < AT_ONCE, "{:?}\n{}", told.elapsed(), fleet.logs());
    let log = fleet.runners[busy].log_text();
    assert!(exit.success(), "it was meant to end: {exit}\n{log}");
    assert!(
        log.contains(STOPS) && !log.contains("cut off at the deadline"),
        "everything ended by itself:\n{log}"
    );
    assert_eq!(
        fleet.runners[busy].agents(),
        [] as [i32; 0],
        "its agent ended before it"
    );

    // Its group is free already: nobody waits for the 15 s after which its silence would be noticed.
    fleet
        .within(AT_ONCE, "another runner to answer", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    assert_eq!(fleet.holder(0).await, 1 - busy);
    let log = fleet.runners[1 - busy].log_text();
    assert!(
        log.contains("turn.attempt=1") && !log.contains("turn.attempt=2"),
        "what was interrupted on purpose does not count as a failure:\n{log}"
    );
    check(&fleet).await;
}
