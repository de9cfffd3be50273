//! Progress for people, on standard error: standard output belongs to whoever called us.

use std::io::Write;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

/// A step that says nothing for this long gets a line saying that it still runs.
const REASSURE_AFTER: Duration = Duration::from_secs(10);

/// Prints lines with the seconds since the start.
pub(super) struct Progress {
    start: Instant,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Prints one line. A closed standard error is no reason to stop the work.
    pub(super) fn say(&self, line: &str) {
        let seconds = self.start.elapsed().as_secs();
        let _ = writeln!(std::io::stderr(), "image [{seconds:>3} s] {line}");
    }

    /// The stream's next item; says that `step` still runs while nothing comes.
    pub(super) async fn next<S>(&self, stream: &mut S, step: &str) -> Option<S::Item>
    where
        S: Stream + Unpin,
    {
        loop {
            match timeout(REASSURE_AFTER, stream.next()).await {
                Ok(item) => return item,
                Err(_) => self.say(&format!("still running: {step}")),
            }
        }
    }
}

/// The last lines of a tool's output, kept for the error message.
pub(super) struct Tail {
    lines: std::collections::VecDeque<String>,
}

impl Tail {
    /// Enough to hold npm's and apt's own explanation of a failure.
    const LINES_MAX: usize = 30;

    pub(super) fn new() -> Self {
        Self {
            lines: std::collections::VecDeque::with_capacity(Self::LINES_MAX),
        }
    }

    pub(super) fn push(&mut self, line: &str) {
        if self.lines.len() == Self::LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The lines kept, oldest first, indented.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("\n    {line}")).collect()
    }
}
