//! A log in memory, for tests and the simulator: with everything that can happen to a real one.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proto::inbound::Envelope;
use proto::ingest::{LogRecord, Malformed, partition_of};
use proto::time::Clock;
use tokio::sync::watch;

use crate::{Accepted, Ingress, IngressError, Log, LogReader, LogState, LogUnavailable, Waiting};

/// A log whose content is in hand. Clones are the same log.
#[derive(Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    changes: Arc<watch::Sender<u64>>,
    clock: Arc<dyn Clock>,
}

/// Takes messages into a [`MemoryLog`].
pub struct MemoryIngress {
    log: MemoryLog,
}

#[derive(Default)]
struct State {
    /// Which log this is, counted from the first.
    life: u64,
    last_sequence: u64,
    entries: BTreeMap<u64, Entry>,
    keys: HashSet<String>,
    is_down: bool,
    /// Grows when readers must end.
    breaks: u64,
}

#[derive(Clone)]
struct Entry {
    partition: u32,
    taken: Waiting,
    record: LogRecord,
}

/// The log was taken away by a test.
#[derive(Debug, thiserror::Error)]
#[error("the log is down")]
struct Down;

impl MemoryLog {
    /// An empty log.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
            clock,
        }
    }

    /// The way into this log.
    pub fn ingress(&self) -> MemoryIngress {
        MemoryIngress { log: self.clone() }
    }

    /// Puts a message in, and says where it is. Twice the same message is two messages.
    pub fn append(&self, envelope: Envelope) -> u64 {
        self.put(partition_of(&envelope.group), Ok(envelope))
    }

    /// Puts something in that nobody can read.
    pub fn append_malformed(&self, partition: u32, malformed: Malformed) -> u64 {
        self.put(partition, Err(malformed))
    }

    /// Replaces it by an empty one under the same name.
    pub fn wipe(&self) {
        self.change(|state| {
            *state = State {
                life: state.life + 1,
                breaks: state.breaks + 1,
                is_down: state.is_down,
                ..State::default()
            };
        });
    }

    /// Loses everything after a sequence, as a restored backup does: the next message gets the sequence after that.
    pub fn roll_back(&self, to: u64) {
        self.change(|state| {
            state.entries.split_off(&(to + 1));
            state.last_sequence = to;
            state.breaks += 1;
            state.keys.clear();
        });
    }

    /// Takes it away, or gives it back; readers end.
    pub fn set_down(&self, is_down: bool) {
        self.change(|state| {
            state.is_down = is_down;
            state.breaks += 1;
        });
    }

    /// Messages it holds.
    pub fn len(&self) -> usize {
        self.state().entries.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put(&self, partition: u32, content: Result<Envelope, Malformed>) -> u64 {
        let since = self.clock.now();
        let mut sequence = 0;
        self.change(|state| {
            state.last_sequence += 1;
            sequence = state.last_sequence;
            let entry = Entry {
                partition,
                taken: Waiting { sequence, since },
                record: LogRecord { sequence, content },
            };
            state.entries.insert(sequence, entry);
        });
        sequence
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, LogUnavailable> {
        let state = self.state();
        if state.is_down {
            return Err(LogUnavailable(Box::new(Down)));
        }
        Ok(state)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changes.send_modify(|version| *version += 1);
    }
}

impl State {
    fn after(&self, partition: u32, after: u64) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.range(after + 1..).map(|(_, entry)| entry);
        entries.filter(move |entry| entry.partition == partition)
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn state(&self) -> Result<LogState, LogUnavailable> {
        let state = self.up()?;
        Ok(LogState {
            identity: format!("memory-{}", state.life),
            last_sequence: state.last_sequence,
        })
    }

    async fn waiting(&self, partition: u32, after: u64) -> Result<Option<Waiting>, LogUnavailable> {
        Ok(self.up()?.after(partition, after).next().map(|entry| entry.taken))
    }

    async fn read(&self, partition: u32, after: u64) -> Result<Box<dyn LogReader>, LogUnavailable> {
        let breaks = self.up()?.breaks;
        Ok(Box::new(MemoryReader {
            log: self.clone(),
            changes: self.changes.subscribe(),
            partition,
            after,
            breaks,
        }))
    }

    async fn purge(&self, partition: u32, through: u64) -> Result<(), LogUnavailable> {
        let mut state = self.up()?;
        state
            .entries
            .retain(|sequence, entry| entry.partition != partition || *sequence > through);
        Ok(())
    }
}

struct MemoryReader {
    log: MemoryLog,
    changes: watch::Receiver<u64>,
    partition: u32,
    after: u64,
    breaks: u64,
}

#[async_trait]
impl LogReader for MemoryReader {
    async fn next(&mut self, limit: usize, _linger: Duration) -> Result<Vec<LogRecord>, LogUnavailable> {
        loop {
            self.changes.mark_unchanged();
            let records: Vec<_> = {
                let state = self.log.up()?;
                if state.breaks != self.breaks {
                    return Err(LogUnavailable(Box::new(Down)));
                }
                let entries = state.after(self.partition, self.after).take(limit);
                entries.map(|entry| entry.record.clone()).collect()
            };
            if let Some(last) = records.last() {
                self.after = last.sequence;
                return Ok(records);
            }
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[async_trait]
impl Ingress for MemoryIngress {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        {
            let mut state = self
                .log
                .up()
                .map_err(|error| IngressError::Unavailable(Box::new(error)))?;
            if !state.keys.insert(envelope.dedup_key.clone()) {
                return Ok(Accepted {
                    is_new: false,
                    // Not before it.
                    log_sequence: Some(state.last_sequence),
                });
            }
        }
        Ok(Accepted {
            is_new: true,
            log_sequence: Some(self.log.append(envelope)),
        })
    }
}
