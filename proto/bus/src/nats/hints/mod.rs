//! Hints as core NATS messages.
//!
//! Publishing hands a hint to the switchboard, which is part of the driver, and never waits; what does not fit is
//! dropped and counted. Hints and the wish to hear them go through one queue: whoever listens and then publishes hears
//! it. What a listener may have missed (it was too slow, the connection broke) it hears as one "sweep".

mod listener;
mod switchboard;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{mpsc, watch};

use super::link::LinkReader;
use super::subjects::Subjects;
use crate::{Hint, Hints, Interest, Listener};
use listener::{Ear, NatsListener};
pub(super) use switchboard::Switchboard;

/// Hints that may wait to be published: bounds memory, a sweep repairs the rest.
const WAITING_MAX: usize = 4_096;
/// Hints a slow listener may be behind before it misses some.
const BACKLOG: usize = 1_024;

/// Hints over NATS.
pub struct NatsHints {
    queue: mpsc::UnboundedSender<Command>,
    tally: Arc<Tally>,
}

/// What became of hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintCounts {
    /// Not published: there was no connection, or the queue was full.
    pub dropped: u64,
    /// Heard, and not understood.
    pub malformed: u64,
}

/// Counters shared with the switchboard.
#[derive(Debug, Default)]
struct Tally {
    /// Hints in the queue. The queue itself has no bound, so that a wish to listen, of which there are few, always fits.
    waiting: AtomicUsize,
    dropped: AtomicU64,
    malformed: AtomicU64,
}

enum Command {
    Publish(Hint),
    Listen(Interest, Ear),
}

/// The hints and the switchboard that serves them.
pub(super) fn pair(subjects: Subjects, link: LinkReader) -> (NatsHints, Switchboard) {
    let (queue, commands) = mpsc::unbounded_channel();
    let tally = Arc::new(Tally::default());
    let hints = NatsHints {
        queue,
        tally: Arc::clone(&tally),
    };
    (hints, Switchboard::new(commands, subjects, link, tally))
}

impl NatsHints {
    /// What became of hints so far.
    pub fn counts(&self) -> HintCounts {
        HintCounts {
            dropped: self.tally.dropped.load(Ordering::Relaxed),
            malformed: self.tally.malformed.load(Ordering::Relaxed),
        }
    }
}

impl Tally {
    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Hints for NatsHints {
    fn publish(&self, hint: Hint) {
        if self.tally.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
            self.tally.drop_one();
        } else if self.queue.send(Command::Publish(hint)).is_err() {
            // The driver ended: so does the process.
            self.tally.drop_one();
        }
    }

    fn listen(&self, interest: Interest) -> Box<dyn Listener> {
        let (hints, receiver) = mpsc::channel(BACKLOG);
        let (missed, gaps) = watch::channel(0);
        // An error means that the driver ended: the listener waits for ever, as one does whom nobody tells anything.
        let _ = self.queue.send(Command::Listen(interest, Ear::new(hints, missed)));
        Box::new(NatsListener::new(receiver, gaps))
    }
}
