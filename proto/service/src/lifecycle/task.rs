//! One task: its name, what follows from its end, and how its failure is told.

use std::any::Any;

use tokio::task::JoinError;

/// What follows when a task ends before the soft stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The process cannot do without it: the soft stop begins.
    Critical,
    /// A failure is logged; nothing else follows.
    BestEffort,
}

/// The result of a task as a failure to tell: an error it returned, or its panic.
pub(super) fn failure(result: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    match result {
        Ok(returned) => returned,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => Err(anyhow::anyhow!("panicked: {}", panic_message(&*panic))),
            // Cut off at the hard stop: reported there, by name.
            Err(_cancelled) => Ok(()),
        },
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
