//! The signals that stop a process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Cause, Lifecycle, Policy};

impl Lifecycle {
    /// Listens to `SIGTERM` and `SIGINT` from now on: the first begins the soft stop, the second is the hard stop.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn listen_to_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        self.spawn_support("signals", Policy::BestEffort, async move {
            let Some(name) = lifecycle.next(&mut terminate, &mut interrupt).await else {
                return Ok(());
            };
            tracing::info!(signal = name, "stopping; a second signal stops at once");
            lifecycle.stop_because(Cause::Signal(name));
            let Some(name) = lifecycle.next(&mut terminate, &mut interrupt).await else {
                return Ok(());
            };
            tracing::warn!(signal = name, "stopping at once");
            lifecycle.begin_hard_stop();
            Ok(())
        });
        Ok(())
    }

    /// The next signal; `None` when the process ends without one.
    async fn next(&self, terminate: &mut Signal, interrupt: &mut Signal) -> Option<&'static str> {
        let ending = self.hard_stop();
        tokio::select! {
            () = ending.cancelled() => None,
            _ = terminate.recv() => Some("SIGTERM"),
            _ = interrupt.recv() => Some("SIGINT"),
        }
    }
}
