//! A bus that runs against a server of the test's own.

use std::sync::{Arc, Mutex};

use servers::Version;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::conformance::{SOON, soon};
use crate::nats::{Config, Nats, Problem, Scope};

pub(super) const VERSIONS: [Version; 2] = [Version::V2_15, Version::V2_10];

pub(super) struct Bus {
    pub(super) nats: Nats,
    reports: Arc<Mutex<Vec<Option<Problem>>>>,
    running: JoinHandle<Result<(), Problem>>,
    stop: CancellationToken,
}

impl Bus {
    /// A bus on this server, ready or not.
    pub(super) fn on(server: &servers::Nats) -> Self {
        Self::with(Config::new(server.url()), Scope::Stream)
    }

    pub(super) fn with(config: Config, scope: Scope) -> Self {
        let (nats, driver) = Nats::new(config, scope).unwrap();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let (heard, until) = (Arc::clone(&reports), stop.clone());
        #[expect(clippy::disallowed_methods, reason = "a test has no lifecycle")]
        let running = tokio::spawn(async move {
            driver
                .run(until, |problem| heard.lock().unwrap().push(problem.cloned()))
                .await
        });
        Self {
            nats,
            reports,
            running,
            stop,
        }
    }

    pub(super) async fn ready(self) -> Self {
        self.reports("readiness", |problem| problem.is_none()).await;
        self
    }

    /// What was reported last.
    pub(super) fn last(&self) -> Option<Option<Problem>> {
        self.reports.lock().unwrap().last().cloned()
    }

    /// Waits until what was reported last is of this kind.
    pub(super) async fn reports(&self, what: &str, is: impl Fn(&Option<Problem>) -> bool) -> Option<Problem> {
        let begin = tokio::time::Instant::now();
        loop {
            match self.last() {
                Some(last) if is(&last) => return last,
                last => assert!(begin.elapsed() < SOON, "no {what}; last report: {last:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The first thing that is wrong.
    pub(super) async fn problem(&self) -> Problem {
        self.reports("problem", Option::is_some).await.unwrap()
    }

    /// Why it did not start.
    pub(super) async fn refusal(self) -> Problem {
        soon("the refusal", self.running).await.unwrap().unwrap_err()
    }

    /// Ends it, and with it what it was doing.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        soon("the end of the driver", self.running).await.unwrap().unwrap();
    }
}
