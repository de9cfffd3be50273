//! Several gateways, and gateways that die.

use std::time::Duration;

use doubles::platform::Fault;
use proto::outbound::OutboxState;

use super::{Act, Promise, Rig, Subject};
use crate::health::Receiving;

/// OpenFang #156, #315, picoclaw #667: two pollers on one token fight.
pub(in crate::channel) async fn of_two_gateways_one_reads_and_the_other_takes_over<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let mut first = rig.gateway("a").await;
    let mut second = rig.gateway("b").await;
    first.listen(&rig).await;
    second.listen(&rig).await;
    first.until_live().await;
    second
        .until("standing by", |receiving| *receiving == Receiving::Standby)
        .await;
    rig.subject.act(Act::Direct("first")).await;
    rig.until("the first", |heard| heard.count("first") == 1).await;
    drop(first);
    rig.subject.act(Act::Direct("meanwhile")).await;
    second.take_over(&rig).await;
    second.until_live().await;
    rig.subject.act(Act::Redeliver).await;
    rig.subject.act(Act::Direct("second")).await;
    rig.until("all", |heard| {
        heard.count("meanwhile") == 1 && heard.count("second") == 1
    })
    .await;
    assert_eq!(rig.heard.all().len(), 3, "{:?}", rig.heard.all());
}

/// OpenClaw #95866: twelve finished replies are discarded on a restart.
pub(in crate::channel) async fn a_gateway_killed_while_sending_keeps_the_promise<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    for text in ["one", "two"] {
        rig.say(&room, text, None).await;
    }
    let mut first = rig.sender("a").await;
    rig.subject
        .faults()
        .next(rig.subject.send_path(), Fault::Slow(Duration::from_secs(600)));
    first.delivery.tick(rig.now()).await.unwrap();
    // Executed, and not answered yet.
    rig.until("one is read", |_| rig.texts(&room) == ["one"]).await;
    drop(first);
    let mut second = rig.sender("b").await;
    second.take_over(&rig).await;
    second.deliver(&rig, std::slice::from_ref(&room)).await;
    let (texts, states) = (rig.texts(&room), rig.rows(&room).await);
    let states: Vec<_> = states.iter().map(|row| row.state).collect();
    let known = [OutboxState::Sent, OutboxState::Sent];
    match S::TRAITS.promise {
        Promise::Exact | Promise::Reconciled { .. } | Promise::Told => {
            assert_eq!((&*texts, &*states), (&["one", "two"].map(String::from)[..], &known[..]))
        }
        Promise::AtMostOnce => {
            assert_eq!(texts, ["one", "two"]);
            assert_eq!(states, [OutboxState::Uncertain, OutboxState::Sent]);
        }
        Promise::AtLeastOnce => assert_eq!(
            (&*texts, &*states),
            (&["one", "one", "two"].map(String::from)[..], &known[..])
        ),
    }
}
