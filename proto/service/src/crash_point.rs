//! Named points at which the system tests kill the process, as an outage would: no destructor runs, nothing is flushed.
//!
//! Without the feature `crash-points` a point is nothing at all. With it, the process that reaches the point named in
//! `CLAWHOLD_CRASH_AT` kills itself with `SIGKILL`.

/// Marks a point in the code at which a test may kill the process: `crash_point!("turn.before-commit")`.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::crash_point::reach($name)
    };
}

/// Reaches a crash point; called by [`crash_point!`](crate::crash_point!).
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn reach(_name: &'static str) {}

/// Reaches a crash point; called by [`crash_point!`](crate::crash_point!).
#[cfg(feature = "crash-points")]
#[expect(
    clippy::disallowed_methods,
    reason = "set by a test for this process alone, never part of a configuration"
)]
pub fn reach(name: &'static str) {
    if std::env::var_os("CLAWHOLD_CRASH_AT").is_some_and(|wanted| wanted == name) {
        // The result does not matter: if the signal does not end the process, the abort does.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}
