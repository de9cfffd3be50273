//! Store calls that must come to a known end: repeated while the database is away and this runner may trust itself.

use std::time::Duration;

use proto::lease::Trust;

use super::{Runner, Stop};

const WAIT: Duration = Duration::from_millis(200);

/// Repeats `call` until the store answers something else than "unavailable", or this runner has lost its lease.
pub(super) async fn until_known<T, F>(runner: &Runner, mut call: impl FnMut() -> F) -> store::Result<T>
where
    F: Future<Output = store::Result<T>>,
{
    let mut trust = runner.trust.subscribe();
    loop {
        let answer = tokio::select! {
            biased;
            answer = call() => answer,
            _ = trust.wait_for(|trust| *trust == Trust::Lost) => {
                return Err(store::Error::Unavailable("the lease was lost".into()));
            }
        };
        match answer {
            Err(store::Error::Unavailable(reason)) => {
                if *runner.trust.borrow() == Trust::Lost || *runner.stop.borrow() == Stop::Hard {
                    return Err(store::Error::Unavailable(reason));
                }
                runner.me.sleep(WAIT).await;
            }
            known => return known,
        }
    }
}
