//! Servers that are absent, restart, lose everything, or do not answer.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::RunnerId;
use proto::ingest::partition_of;
use servers::{Nats as Server, Version};

use super::world::{Bus, VERSIONS};
use crate::conformance::log::{end, give, open, read, texts_of};
use crate::conformance::{group, message, soon};
use crate::nats::{Config, Login, Problem, Scope};
use crate::{Hint, Hints, Ingress, Interest, Log};

#[tokio::test]
async fn a_server_that_comes_later_is_found_and_meanwhile_the_reason_is_said() {
    let server = Server::start(Version::V2_15).await;
    server.kill().await;
    let bus = Bus::on(&server);
    let mut listener = bus.nats.hints().listen(Interest::Tasks);
    let problem = bus.problem().await;
    assert!(matches!(problem, Problem::Unreachable { .. }), "{problem:?}");
    let refused = bus
        .nats
        .ingress()
        .accept(message(&group("main"), "a"))
        .await
        .unwrap_err();
    let reason = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        reason.contains("cannot be reached") && reason.contains("nats.url is right"),
        "{reason}"
    );
    assert!(bus.nats.log().state().await.is_err());

    server.restart().await;
    let bus = bus.ready().await;
    // What was refused before it was ever sent is not there.
    assert_eq!(end(&*bus.nats.log()).await, 0);
    give(&*bus.nats.ingress(), &group("main"), "b").await;
    // Whoever listened from the beginning is told to sweep, and hears from now on.
    assert_eq!(soon("the call to sweep", listener.next()).await, None);
    bus.nats.hints().publish(Hint::Tasks);
    assert_eq!(crate::conformance::hints::heard(&mut *listener).await, Hint::Tasks);
}

#[tokio::test]
async fn a_restart_keeps_the_log_and_ends_at_most_its_readers() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        let (ingress, log, main) = (bus.nats.ingress(), bus.nats.log(), group("main"));
        give(&*ingress, &main, "a").await;
        let identity = log.state().await.unwrap().identity;
        let mut reader = open(&*log, &main, 0).await;
        assert_eq!(reader.next(10, Duration::ZERO).await.unwrap().len(), 1);
        server.restart().await;
        let bus = bus.ready().await;
        soon("the next message", async {
            while ingress.accept(message(&main, "b")).await.is_err() {}
        })
        .await;
        // The old reader either goes on without a gap, or ends.
        if let Ok(records) = soon("the reader", reader.next(10, Duration::ZERO)).await {
            assert_eq!(texts_of(&records), ["b"]);
        }
        assert_eq!(log.state().await.unwrap().identity, identity);
        assert_eq!(texts_of(&read(&*log, &main, 0, 2).await), ["a", "b"]);
        bus.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_lost_everything_gets_a_new_stream_with_another_identity() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        let (ingress, log, main) = (bus.nats.ingress(), bus.nats.log(), group("main"));
        give(&*ingress, &main, "a").await;
        let before = log.state().await.unwrap();
        let mut reader = open(&*log, &main, 1).await;
        server.wipe().await;
        soon("the end of the reader", async {
            while reader.next(10, Duration::ZERO).await.is_ok() {}
        })
        .await;
        soon("the new stream", async {
            while ingress.accept(message(&main, "b")).await.is_err() {}
        })
        .await;
        let after = log.state().await.unwrap();
        assert_ne!(after.identity, before.identity);
        assert_eq!(after.last_sequence, 1);
        bus.stop().await;
    }
}

#[tokio::test]
async fn a_stream_removed_by_hand_is_made_anew_by_the_next_message() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let admin = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    admin.delete_stream("CLAWHOLD_IN").await.unwrap();
    give(&*bus.nats.ingress(), &group("main"), "a").await;
    assert_eq!(end(&*bus.nats.log()).await, 1);
}

#[tokio::test]
async fn a_full_store_refuses_with_the_reason_and_what_is_indexed_makes_room() {
    for version in VERSIONS {
        let server = Server::options(version).store_max(1_000_000).start().await;
        let bus = Bus::on(&server).ready().await;
        let (ingress, log, main) = (bus.nats.ingress(), bus.nats.log(), group("main"));
        let text = "x".repeat(100_000);
        let mut taken = 0;
        let refused = loop {
            match ingress.accept(message(&main, &format!("{taken} {text}"))).await {
                Ok(_) => taken += 1,
                Err(refused) => break refused,
            }
            assert!(taken < 20, "a store of ten messages takes no twenty");
        };
        let reason = std::error::Error::source(&refused).unwrap().to_string();
        assert!(
            reason.contains("insufficient") && reason.contains("max_file_store"),
            "{reason}"
        );
        // What was taken is there, in order, and what was refused is not.
        assert_eq!(read(&*log, &main, 0, taken).await.len(), taken);
        assert_eq!(end(&*log).await, taken as u64);

        log.purge(partition_of(&main), taken as u64).await.unwrap();
        soon("room", async {
            while ingress.accept(message(&main, "again")).await.is_err() {}
        })
        .await;
        assert_eq!(texts_of(&read(&*log, &main, taken as u64, 1).await), ["again"]);
        bus.stop().await;
    }
}

#[tokio::test]
async fn restarts_under_load_lose_nothing_double_nothing_and_keep_the_order() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let (ingress, log) = (bus.nats.ingress(), bus.nats.log());
    let names: Vec<_> = (0..4).map(|number| group(&format!("load-{number}"))).collect();
    const EACH: usize = 150;
    // A platform that sends in order and again until it is told that the message is safe.
    let platform = async |name: &proto::ids::GroupId| {
        for number in 0..EACH {
            while ingress.accept(message(name, &number.to_string())).await.is_err() {}
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let load = futures::future::join_all(names.iter().map(platform));
    let restarts = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            server.kill().await;
            server.restart().await;
        }
    };
    soon("the load", futures::future::join(load, restarts)).await;
    let expected: Vec<_> = (0..EACH).map(|number| number.to_string()).collect();
    for name in &names {
        assert_eq!(texts_of(&read(&*log, name, 0, EACH).await), expected);
    }
    assert_eq!(end(&*log).await, (names.len() * EACH) as u64);
}

/// The danger: the first message is on its way, nobody waits for it any more, and the second is sent at once.
#[tokio::test]
async fn nothing_overtakes_a_message_whose_fate_is_unknown() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        let (ingress, log, main) = (bus.nats.ingress(), bus.nats.log(), group("main"));
        give(&*ingress, &main, "0").await;
        server.freeze();
        // Its caller gives up after it was sent; some callers do so before their turn comes.
        let first = tokio::time::timeout(Duration::from_millis(300), ingress.accept(message(&main, "1"))).await;
        assert!(first.is_err());
        let second = tokio::time::timeout(Duration::from_millis(300), ingress.accept(message(&main, "2"))).await;
        assert!(second.is_err());
        let third = ingress.accept(message(&main, "3"));
        let (third, ()) = tokio::join!(third, async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            server.thaw();
        });
        assert!(third.unwrap().is_new);
        // The second was never sent, since its turn had not come; the first counts, although it was refused.
        assert_eq!(texts_of(&read(&*log, &main, 0, 3).await), ["0", "1", "3"]);
        assert_eq!(end(&*log).await, 3);
        // The platform sends again what it was not told of.
        assert!(!give(&*ingress, &main, "1").await.is_new);
        assert!(give(&*ingress, &main, "2").await.is_new);
        bus.stop().await;
    }
}

#[tokio::test]
async fn one_group_that_waits_does_not_hold_up_the_others_nor_take_all_room() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let ingress = bus.nats.ingress();
    let main = group("main");
    server.freeze();
    let flood = futures::future::join_all((0..200).map(|n| ingress.accept(message(&main, &n.to_string()))));
    let begin = tokio::time::Instant::now();
    let answers = soon("the answers", flood).await;
    assert!(begin.elapsed() < Duration::from_millis(2_500), "{:?}", begin.elapsed());
    assert!(answers.iter().all(Result::is_err));
    let reasons: Vec<_> = answers
        .into_iter()
        .map(|answer| std::error::Error::source(&answer.unwrap_err()).unwrap().to_string())
        .collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("of this group")),
        "{reasons:?}"
    );
    server.thaw();
    soon("the others", async {
        while ingress.accept(message(&group("family"), "a")).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_listener_hears_on_after_a_restart_and_is_told_to_sweep() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::with(Config::new(server.url()), Scope::Hints).ready().await;
    let hints = bus.nats.hints();
    let mut listener = hints.listen(Interest::Runner(RunnerId::new("r")));
    let hint = Hint::Ready {
        runner: Some(RunnerId::new("r")),
    };
    hints.publish(hint.clone());
    assert_eq!(crate::conformance::hints::heard(&mut *listener).await, hint);
    server.restart().await;
    assert_eq!(soon("the call to sweep", listener.next()).await, None);
    let bus = bus.ready().await;
    hints.publish(hint.clone());
    assert_eq!(crate::conformance::hints::heard(&mut *listener).await, hint);
    server.kill().await;
    bus.reports("the loss", Option::is_some).await;
    let before = hints.counts().dropped;
    for _ in 0..10_000 {
        hints.publish(Hint::Tasks);
    }
    soon("the hints to be dropped", async {
        while hints.counts().dropped < before + 10_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_that_stops_working_is_named_and_works_again_without_a_restart_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let (users, token) = (dir.path().join("users.conf"), |text: &str| {
        format!("authorization {{ token: \"{text}\" }}\n")
    });
    std::fs::write(&users, token("old")).unwrap();
    // Includes are relative to the server's own directory.
    let include = format!("include \"{}{}\"", "../".repeat(20), users.display());
    let server = Server::options(Version::V2_15).line(&include).start().await;
    let mut config = Config::new(server.url());
    config.login = Login::Token("old".into());
    let bus = Bus::with(config, Scope::Stream).ready().await;

    std::fs::write(&users, token("new")).unwrap();
    server.restart().await;
    bus.reports("the refused login", |problem| {
        matches!(problem, Some(Problem::Login { .. }))
    })
    .await;
    std::fs::write(&users, token("old")).unwrap();
    server.restart().await;
    let bus = bus.ready().await;
    give(&*bus.nats.ingress(), &group("main"), "a").await;
}

#[tokio::test]
async fn a_link_that_swallows_everything_is_noticed() {
    let server = Server::start(Version::V2_15).await;
    let faults = servers::TcpFaults::start(server.addr()).await;
    let bus = Bus::with(Config::new(format!("nats://{}", faults.addr())), Scope::Stream)
        .ready()
        .await;
    let log: Arc<dyn Log> = bus.nats.log();
    let mut reader = log.read(3, 0).await.unwrap();
    faults.blackhole();
    assert!(bus.nats.ingress().accept(message(&group("main"), "a")).await.is_err());
    soon("the end of the reader", async {
        while reader.next(10, Duration::ZERO).await.is_ok() {}
    })
    .await;
    bus.reports("the loss", Option::is_some).await;
    faults.heal().await;
    let bus = bus.ready().await;
    // It had been sent before anybody knew, so it counts.
    assert!(give(&*bus.nats.ingress(), &group("main"), "b").await.is_new);
    assert_eq!(texts_of(&read(&*log, &group("main"), 0, 2).await), ["a", "b"]);
}
