//! The way in.

use proto::inbound::EventKind;

use super::{Act, Rig, Subject};
use crate::files::Files;
use crate::health::Receiving;

pub(in crate::channel) async fn a_duplicate_is_taken_once<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::Direct("first")).await;
    rig.until("the message", |heard| heard.count("first") == 1).await;
    rig.subject.act(Act::Repeat).await;
    rig.subject.act(Act::Direct("second")).await;
    rig.until("what comes after", |heard| heard.count("second") == 1).await;
    assert_eq!(rig.heard.count("first"), 1);
}

/// DB-D4: NanoClaw never sees a message that arrives late or in the same second.
pub(in crate::channel) async fn an_update_that_comes_late_is_taken<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::Swapped("said first", "said second")).await;
    rig.until("both", |heard| {
        heard.count("said first") == 1 && heard.count("said second") == 1
    })
    .await;
}

pub(in crate::channel) async fn an_edit_is_context<S: Subject>() {
    changed::<S>(S::TRAITS.edits, Act::Edit("changed"), EventKind::Edited).await;
}

pub(in crate::channel) async fn a_deletion_is_context<S: Subject>() {
    changed::<S>(S::TRAITS.deletes, Act::Delete, EventKind::Deleted).await;
}

async fn changed<S: Subject>(is_told: bool, act: Act<'_>, kind: EventKind) {
    if !is_told {
        return;
    }
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::Mention("original")).await;
    rig.until("the message", |heard| heard.count("original") == 1).await;
    rig.subject.act(act).await;
    let mark = if kind == EventKind::Edited {
        "[edited]"
    } else {
        "[deleted]"
    };
    rig.until(mark, |heard| heard.count(mark) == 1).await;
    let told = rig.heard.find(mark).unwrap();
    assert!(!told.engages, "a change does not ask for another answer: {told:?}");
    if kind == EventKind::Edited {
        assert!(told.text.contains("changed"), "{told:?}");
    }
}

pub(in crate::channel) async fn a_file_is_named_and_can_be_fetched<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::Attach("notes.txt", b"remember the milk")).await;
    rig.until("the file", |heard| heard.count("notes.txt") == 1).await;
    let heard = rig.heard.find("notes.txt").unwrap();
    assert!(heard.engages);
    let [file] = &*heard.details.files else {
        panic!("it was not fetched: {heard:?}")
    };
    let contents = Files::new(rig.world.blobs()).read(&file.file).await.unwrap();
    assert_eq!(&*contents, b"remember the milk");
}

pub(in crate::channel) async fn a_thread_is_a_chat_of_its_own_in_the_same_group<S: Subject>() {
    if !S::TRAITS.threads {
        return;
    }
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::InThread("in the thread")).await;
    rig.until("the message", |heard| heard.count("in the thread") == 1)
        .await;
    let taken = rig.heard.find("in the thread").unwrap();
    assert_eq!(Some(taken.chat), rig.subject.thread());
    assert_eq!(taken.group, rig.group);
}

pub(in crate::channel) async fn only_who_is_meant_engages<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let _gateway = rig.live().await;
    rig.subject.act(Act::Direct("between us")).await;
    rig.until("the direct message", |heard| heard.count("between us") == 1)
        .await;
    assert!(rig.heard.find("between us").unwrap().engages);
    if !S::TRAITS.rooms {
        return;
    }
    rig.subject.act(Act::Say("just talking")).await;
    rig.subject.act(Act::Mention("your turn")).await;
    rig.until("both", |heard| {
        heard.count("just talking") == 1 && heard.count("your turn") == 1
    })
    .await;
    assert!(!rig.heard.find("just talking").unwrap().engages);
    let mention = rig.heard.find("your turn").unwrap();
    assert!(mention.engages);
    assert!(
        mention.text.contains("@Andy"),
        "the agent reads its own name: {mention:?}"
    );
}

/// OpenClaw #53684, #33667: silent outages, and messages of the window that are never seen.
pub(in crate::channel) async fn nothing_is_missed_while_the_connection_is_away<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let gateway = rig.live().await;
    rig.subject.act(Act::Direct("before")).await;
    rig.until("the first", |heard| heard.count("before") == 1).await;
    rig.subject.platform().stop().await;
    rig.subject.act(Act::Direct("meanwhile")).await;
    if S::TRAITS.feed {
        gateway
            .until("degraded", |receiving| *receiving != Receiving::Live)
            .await;
    }
    rig.subject.platform().start_again().await.unwrap();
    rig.subject.act(Act::Redeliver).await;
    rig.until("what was said meanwhile", |heard| heard.count("meanwhile") == 1)
        .await;
    gateway.until_live().await;
    rig.subject.act(Act::Direct("after")).await;
    rig.until("the last", |heard| heard.count("after") == 1).await;
    assert_eq!(rig.heard.all().len(), 3, "{:?}", rig.heard.all());
}

/// NanoClaw #3728: inbound dead for four days, 11 178 failed polls, status green.
pub(in crate::channel) async fn a_revoked_account_is_refused_and_recovers<S: Subject>() {
    let rig = Rig::<S>::start().await;
    // Somebody knows us already: where the platform keeps no queue for us, it is asked what was said since.
    let first = rig.live().await;
    rig.subject.act(Act::Direct("hello")).await;
    rig.until("the first", |heard| heard.count("hello") == 1).await;
    drop(first);
    rig.world.clock.advance(std::time::Duration::from_secs(60));
    rig.subject.revoke(true);
    let mut gateway = rig.gateway("a").await;
    gateway.listen(&rig).await;
    gateway.take_over(&rig).await;
    gateway
        .until("refused", |receiving| matches!(receiving, Receiving::Refused(_)))
        .await;
    assert!(gateway.health.report().trouble.is_some());
    drop(gateway);
    rig.subject.revoke(false);
    rig.subject.act(Act::Direct("are you back?")).await;
    // Whoever serves the account next gets what was said meanwhile.
    rig.world.clock.advance(std::time::Duration::from_secs(60));
    let mut next = rig.gateway("a").await;
    next.listen(&rig).await;
    rig.subject.act(Act::Redeliver).await;
    next.take_over(&rig).await;
    rig.until("what was said meanwhile", |heard| heard.count("are you back?") == 1)
        .await;
}
