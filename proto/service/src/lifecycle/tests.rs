//! The promises of the lifecycle, in paused time.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Cause, Lifecycle, Policy};

const DRAIN: Duration = Duration::from_secs(60);

/// Name and message of the task that ended the life.
fn failed(cause: &Cause) -> Option<(&'static str, String)> {
    match cause {
        Cause::Task { name, error } => Some((name, error.as_ref().map_or(String::new(), ToString::to_string))),
        Cause::Signal(_) | Cause::Requested => None,
    }
}

#[tokio::test(start_paused = true)]
async fn work_may_finish_after_the_soft_stop_and_support_runs_until_it_has() {
    let lifecycle = Lifecycle::new();
    let (soft, hard) = (lifecycle.soft_stop(), lifecycle.hard_stop());
    let started = Instant::now();
    lifecycle.spawn("work", Policy::Critical, async move {
        soft.cancelled().await;
        sleep(Duration::from_secs(7)).await;
        Ok(())
    });
    lifecycle.spawn_support("support", Policy::Critical, async move {
        hard.cancelled().await;
        assert_eq!(started.elapsed(), Duration::from_secs(7));
        Ok(())
    });
    lifecycle.begin_soft_stop();
    let outcome = lifecycle.finished(DRAIN).await;
    assert!(outcome.is_intended() && outcome.cut_off.is_empty(), "{outcome:?}");
    assert_eq!(lifecycle.running(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn work_that_exceeds_the_drain_limit_is_cut_off_by_name() {
    let lifecycle = Lifecycle::new();
    let started = Instant::now();
    lifecycle.spawn("stuck", Policy::Critical, pending());
    lifecycle.begin_soft_stop();
    let outcome = lifecycle.finished(DRAIN).await;
    assert_eq!(outcome.cut_off, ["stuck"]);
    assert!(started.elapsed() < DRAIN + Duration::from_secs(10));
    assert_eq!(lifecycle.running(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_hard_stop_ends_the_drain_at_once() {
    let lifecycle = Lifecycle::new();
    let (started, hard) = (Instant::now(), lifecycle.hard_stop());
    lifecycle.spawn("work", Policy::BestEffort, async move {
        hard.cancelled().await;
        Ok(())
    });
    lifecycle.begin_hard_stop();
    assert!(lifecycle.finished(DRAIN).await.cut_off.is_empty());
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_critical_task_ends_the_life_and_is_told() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn("indexer", Policy::Critical, async { anyhow::bail!("disk full") });
    let outcome = lifecycle.finished(DRAIN).await;
    assert_eq!(failed(&outcome.cause), Some(("indexer", "disk full".to_owned())));
    assert!(!outcome.is_intended());
    assert_eq!(outcome.cause.to_string(), "task \"indexer\" failed: disk full");
}

#[tokio::test(start_paused = true)]
async fn a_critical_task_that_just_returns_ends_the_life() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn_support("server", Policy::Critical, async { Ok(()) });
    let outcome = lifecycle.finished(DRAIN).await;
    assert_eq!(failed(&outcome.cause), Some(("server", String::new())));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_its_task_alone() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn("run", Policy::BestEffort, async { panic!("boom") });
    while !lifecycle.running().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!lifecycle.soft_stop().is_cancelled());
    lifecycle.spawn("lease", Policy::Critical, async { panic!("boom {}", 2) });
    let outcome = lifecycle.finished(DRAIN).await;
    assert_eq!(failed(&outcome.cause), Some(("lease", "panicked: boom 2".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn only_the_first_cause_counts() {
    let lifecycle = Lifecycle::new();
    let soft = lifecycle.soft_stop();
    lifecycle.spawn("late", Policy::Critical, async move {
        soft.cancelled().await;
        anyhow::bail!("failed while stopping")
    });
    lifecycle.begin_soft_stop();
    assert!(lifecycle.finished(DRAIN).await.is_intended());
}

#[tokio::test(start_paused = true)]
async fn a_restarting_task_is_started_again_after_errors_and_panics_until_the_soft_stop() {
    let lifecycle = Lifecycle::new();
    let starts = Arc::new(AtomicU32::new(0));
    let (counter, stop) = (Arc::clone(&starts), lifecycle.clone());
    lifecycle.spawn_restarting("loop", move || {
        let (start, stop) = (counter.fetch_add(1, Ordering::Relaxed), stop.clone());
        async move {
            match start {
                0 => anyhow::bail!("first"),
                1 => panic!("second"),
                _ => stop.begin_soft_stop(),
            }
            anyhow::bail!("while stopping")
        }
    });
    let outcome = lifecycle.finished(DRAIN).await;
    assert!(outcome.is_intended(), "{outcome:?}");
    assert_eq!(starts.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_restarting_task_that_returns_is_over() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn_restarting("once", || async { Ok(()) });
    lifecycle.begin_soft_stop();
    assert!(lifecycle.finished(DRAIN).await.cut_off.is_empty());
}

#[tokio::test]
async fn the_first_signal_lets_work_finish_and_the_second_ends_it() {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_to_signals().unwrap();
    let terminate = || {
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
    };
    let (soft, hard) = (lifecycle.soft_stop(), lifecycle.hard_stop());
    lifecycle.spawn("work", Policy::Critical, async move {
        soft.cancelled().await;
        assert!(!hard.is_cancelled());
        terminate();
        hard.cancelled().await;
        Ok(())
    });
    terminate();
    let outcome = tokio::time::timeout(DRAIN / 2, lifecycle.finished(DRAIN))
        .await
        .unwrap();
    assert!(matches!(outcome.cause, Cause::Signal("SIGTERM")), "{outcome:?}");
}
