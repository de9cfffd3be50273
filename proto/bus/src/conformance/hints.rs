//! Hints: heard by whom they concern, in order, and where some were missed the listener is told to sweep.

use std::time::Duration;

use proto::ids::{ChatId, RunnerId};
use proto::ipc::{Progress, ProgressKind};

use super::{group, soon};
use crate::{Hint, Hints, Interest, Listener, Room};

/// No hint for this long means that none is under way.
const PAUSE: Duration = Duration::from_millis(300);
/// More than any listener's backlog.
const FLOOD: usize = 3_000;

pub(crate) async fn all(hints: &dyn Hints) {
    whoever_listens_hears_what_concerns_it_and_nothing_else(hints).await;
    hints_arrive_in_order(hints).await;
    an_unknown_owner_may_be_any_runner(hints).await;
    names_of_any_kind_are_told_apart(hints).await;
    a_slow_listener_is_told_to_sweep_and_hears_on(hints).await;
}

async fn whoever_listens_hears_what_concerns_it_and_nothing_else(hints: &dyn Hints) {
    let (me, other) = (RunnerId::new("me"), RunnerId::new("other"));
    let mine = Hint::Inbox {
        group: group("a"),
        owner: Some(me.clone()),
        engages: true,
    };
    let ready = Hint::Ready {
        runner: Some(me.clone()),
    };
    let stop = Hint::Stop {
        group: group("a"),
        owner: Some(me.clone()),
    };
    let mut runner = hints.listen(Interest::Runner(me));
    let mut idle = hints.listen(Interest::Ready(Room::Free));
    let mut leader = hints.listen(Interest::Tasks);
    let mut watcher = hints.listen(Interest::Group(group("a")));
    let mut typist = hints.listen(Interest::Working);
    hints.publish(Hint::Ready {
        runner: Some(other.clone()),
    });
    hints.publish(Hint::Inbox {
        group: group("b"),
        owner: Some(other),
        engages: false,
    });
    hints.publish(mine.clone());
    hints.publish(ready.clone());
    hints.publish(stop.clone());
    hints.publish(Hint::Ready { runner: None });
    hints.publish(Hint::Tasks);
    hints.publish(Hint::Working {
        group: group("a"),
        chat: ChatId::new("test:1"),
        on: true,
    });
    assert_eq!(heard(&mut *runner).await, mine);
    assert_eq!(heard(&mut *runner).await, ready);
    assert_eq!(heard(&mut *runner).await, stop);
    assert_eq!(heard(&mut *idle).await, Hint::Ready { runner: None });
    assert_eq!(heard(&mut *leader).await, Hint::Tasks);
    assert_eq!(heard(&mut *watcher).await, mine);
    let works = Hint::Working {
        group: group("a"),
        chat: ChatId::new("test:1"),
        on: true,
    };
    assert_eq!(heard(&mut *watcher).await, works);
    assert_eq!(heard(&mut *typist).await, works);
}

async fn hints_arrive_in_order(hints: &dyn Hints) {
    let mut watcher = hints.listen(Interest::Group(group("order")));
    let step = |number: usize| Hint::Progress {
        group: group("order"),
        progress: Progress {
            kind: ProgressKind::Text,
            text: number.to_string(),
        },
    };
    for number in 0..200 {
        hints.publish(step(number));
    }
    for number in 0..200 {
        assert_eq!(heard(&mut *watcher).await, step(number));
    }
}

async fn an_unknown_owner_may_be_any_runner(hints: &dyn Hints) {
    let mut listeners: Vec<_> = ["x", "y"]
        .map(|name| hints.listen(Interest::Runner(RunnerId::new(name))))
        .into();
    let hint = Hint::Inbox {
        group: group("whose"),
        owner: None,
        engages: true,
    };
    hints.publish(hint.clone());
    for listener in &mut listeners {
        assert_eq!(heard(&mut **listener).await, hint);
    }
}

async fn names_of_any_kind_are_told_apart(hints: &dyn Hints) {
    let outbox = |account: &str| (String::from("tele.gram"), String::from(account));
    let accounts = ["bot 1", "bot.1", "bot*", ">", "", "ü"];
    let mut listeners: Vec<_> = accounts
        .map(|account| {
            let (channel, account) = outbox(account);
            hints.listen(Interest::Outbox { channel, account })
        })
        .into();
    for account in accounts {
        let (channel, account) = outbox(account);
        hints.publish(Hint::Outbox {
            channel,
            account,
            row: None,
        });
    }
    for (account, listener) in accounts.into_iter().zip(&mut listeners) {
        let (channel, account) = outbox(account);
        let expected = Hint::Outbox {
            channel,
            account,
            row: None,
        };
        assert_eq!(heard(&mut **listener).await, expected);
    }
}

async fn a_slow_listener_is_told_to_sweep_and_hears_on(hints: &dyn Hints) {
    let mut slow = hints.listen(Interest::Tasks);
    for _ in 0..FLOOD {
        hints.publish(Hint::Tasks);
    }
    // It does something else while they arrive.
    tokio::time::sleep(PAUSE).await;
    soon("the call to sweep", async { while slow.next().await.is_some() {} }).await;
    soon("a hint after the flood", async {
        // Whatever the flood left is drained first.
        while tokio::time::timeout(PAUSE, slow.next()).await.is_ok() {}
        hints.publish(Hint::Tasks);
        while slow.next().await != Some(Hint::Tasks) {}
    })
    .await;
}

/// The next hint; being told to sweep is always allowed.
pub(crate) async fn heard(listener: &mut dyn Listener) -> Hint {
    soon("a hint", async {
        loop {
            if let Some(hint) = listener.next().await {
                return hint;
            }
        }
    })
    .await
}
