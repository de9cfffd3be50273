//! How the tasks of a process live and end.
//!
//! Every task is spawned here, with a name and a [`Policy`]. A process ends in two stages: the *soft stop* ends the
//! intake and lets work finish; the *hard stop*, when all work is done or the drain limit is reached, ends the rest. A
//! second signal is the hard stop, now.
//!
//! Two kinds of task follow from that. *Work* ([`Lifecycle::spawn`], [`Lifecycle::spawn_restarting`]) ends by itself
//! after the soft stop, and the drain waits for it. *Support* ([`Lifecycle::spawn_support`]) serves the work (a
//! heartbeat, a delivery loop, an HTTP server): it runs until the hard stop, so the drain must not wait for it.
//!
//! Invariant: no task outlives [`Lifecycle::finished`] (but one that blocks its thread, which is told), and none fails
//! unnoticed, by error or by panic.

mod spawn;
mod stop;

mod backoff;
mod outcome;
mod signals;
mod task;
#[cfg(test)]
mod tests;

pub use outcome::{Cause, Outcome};
pub use stop::Lifecycle;
pub use task::Policy;
