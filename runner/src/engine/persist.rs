//! Store calls that must come to a known end: repeated while the database is away and this runner may trust itself.

use std::time::Duration;

use proto::lease::Trust;

use super::Engine;

/// Waits between tries: short enough that a database restart is not noticed, long enough not to add to its trouble.
const WAIT: Duration = Duration::from_millis(200);

/// Repeats `call` until the store answers something else than "unavailable", or this runner has lost its lease.
///
/// Sound only for calls that may be repeated after an unknown outcome: each either carries an id by which the store
/// recognises it, or sets what it set before. A call that hangs is given up with the lease; whether it took effect is
/// then for [`super::reconcile`] to find out.
pub(crate) async fn until_known<T, F>(engine: &Engine, mut call: impl FnMut() -> F) -> store::Result<T>
where
    F: Future<Output = store::Result<T>>,
{
    let mut trust = engine.trust.subscribe();
    let hard_stop = engine.lifecycle.hard_stop();
    loop {
        let answer = tokio::select! {
            biased;
            answer = call() => answer,
            _ = trust.wait_for(|trust| *trust == Trust::Lost) => return Err(given_up("the lease was lost")),
        };
        match answer {
            Err(store::Error::Unavailable(reason)) => {
                if *engine.trust.borrow() == Trust::Lost || hard_stop.is_cancelled() {
                    return Err(store::Error::Unavailable(reason));
                }
                engine.metrics.store_retries.inc();
                tracing::warn!(
                    error = &*reason as &dyn std::error::Error,
                    "the store is unavailable; trying again"
                );
                tokio::time::sleep(WAIT).await;
            }
            known => return known,
        }
    }
}

fn given_up(why: &'static str) -> store::Error {
    store::Error::Unavailable(why.into())
}
