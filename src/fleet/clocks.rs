//! Whether this host's wall clock agrees with the database's.
//!
//! Leases and fences use no wall clock, so nothing is lost or doubled where they differ. But tasks fire by it, and signed
//! webhooks are believed for some minutes of it: a host whose clock is wrong does both at the wrong time.

use std::sync::Arc;
use std::time::Duration;

use proto::time::{Clock, Timestamp};
use service::lifecycle::Policy;
use service::readiness::Condition;
use store::postgres::PostgresStore;

use super::base::Base;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(30);
/// Hosts that keep time differ by milliseconds; a task that is this late or early is noticed.
const APART_MAX_MS: i64 = 1_000;

/// Looks for the life of the process, and says on `/readyz` and in the log when they differ.
pub(super) fn watch(base: &Base, store: Arc<PostgresStore>) {
    let clock = Arc::clone(&base.clock);
    let condition = base.readiness.part("clock".to_owned());
    let stop = base.lifecycle.hard_stop();
    base.lifecycle
        .spawn_support("clock watch", Policy::BestEffort, async move {
            let mut told = false;
            let looks = async {
                loop {
                    if let Some(apart) = look(&*clock, &store).await {
                        told = tell(&condition, apart, told);
                    }
                    tokio::time::sleep(LOOK).await;
                }
            };
            stop.run_until_cancelled(looks).await;
            Ok(())
        });
}

/// By how many milliseconds our clock is ahead; none when the database did not say.
async fn look(clock: &dyn Clock, store: &PostgresStore) -> Option<i64> {
    let asked = clock.now();
    let server = store.server_time().await.ok()?;
    Some(ahead(asked, server, clock.now()))
}

/// By how many milliseconds our clock is ahead at the least: the server read its own at some moment between the two.
fn ahead(asked: Timestamp, server: Timestamp, answered: Timestamp) -> i64 {
    let server = server.as_millis();
    // Our clock may have been set in between.
    let (first, last) = (asked.min(answered).as_millis(), asked.max(answered).as_millis());
    if server < first {
        first - server
    } else {
        (last - server).min(0)
    }
}

/// Says it when it changes; returns whether they differ.
fn tell(condition: &Condition, ahead_ms: i64, told: bool) -> bool {
    if ahead_ms.abs() <= APART_MAX_MS {
        condition.ok();
        if told {
            tracing::info!("this host's clock and the database's agree again");
        }
        return false;
    }
    let reason = reason(ahead_ms);
    if !told {
        tracing::error!(reason, "clocks differ");
    }
    condition.degraded(reason);
    true
}

fn reason(ahead_ms: i64) -> String {
    let seconds = ahead_ms.unsigned_abs() as f64 / 1e3;
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    format!(
        "this host's clock is {seconds:.1} s {side} the database's: tasks fire at the wrong time, and signed webhooks may be \
         refused. Let NTP keep both (`timedatectl set-ntp true`); it is noticed by itself when they agree again"
    )
}

#[cfg(test)]
mod tests {
    use service::readiness::{Readiness, State};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn a_slow_answer_is_no_difference() {
        assert_eq!(ahead(at(0), at(1_500), at(3_000)), 0);
        assert_eq!(ahead(at(0), at(-4_000), at(3_000)), 4_000);
        assert_eq!(ahead(at(0), at(9_000), at(3_000)), -6_000);
    }

    #[test]
    fn a_clock_that_differs_is_named_with_what_to_do_and_forgotten_once_it_is_right() {
        let readiness = Readiness::new();
        let condition = readiness.part("clock".to_owned());
        assert!(tell(&condition, -6_000, false));
        let report = readiness.report();
        let State::Impaired { reason } = &report.conditions["clock"] else {
            panic!("{report:?}")
        };
        assert!(
            reason.contains("6.0 s behind") && reason.contains("set-ntp"),
            "{reason}"
        );
        assert!(report.ready, "the rest works");
        assert!(!tell(&condition, 20, true));
        assert_eq!(readiness.report().conditions["clock"], State::Ok);
    }
}
