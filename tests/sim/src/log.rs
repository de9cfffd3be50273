//! The log of accepted messages: durable, in order, with a memory for message ids.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proto::inbound::Envelope;
use proto::ingest::{LogRecord, partition_of};
use tokio::sync::watch;

use crate::exec::Process;
use crate::network::{Network, NoAnswer, Service};

/// How long a publisher waits for the log's acknowledgement before it asks again.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// The log's server.
pub(crate) struct Log {
    network: Rc<Network>,
    identity: Cell<u32>,
    last: Cell<u64>,
    records: RefCell<Vec<(u32, LogRecord)>>,
    ids: RefCell<BTreeMap<String, u64>>,
    swallows: bool,
    is_read_only: Cell<bool>,
    grew: watch::Sender<u64>,
}

impl Log {
    pub(crate) fn new(network: &Rc<Network>, swallows: bool) -> Rc<Self> {
        Rc::new(Self {
            network: Rc::clone(network),
            identity: Cell::new(1),
            last: Cell::default(),
            records: RefCell::default(),
            ids: RefCell::default(),
            swallows,
            is_read_only: Cell::default(),
            grew: watch::Sender::new(0),
        })
    }

    /// Publishes under the envelope's dedup key as message id; the answer is the acknowledgement.
    pub(crate) async fn publish(self: &Rc<Self>, me: &Process, envelope: Envelope) -> Result<(), NoAnswer> {
        let log = Rc::clone(self);
        let serve = move || log.append(envelope);
        self.network.ask(me, Service::Log, PATIENCE, serve).await?
    }

    fn append(&self, envelope: Envelope) -> Result<(), NoAnswer> {
        if self.is_read_only.get() {
            return Err(NoAnswer::Refused);
        }
        if self.swallows && self.ids.borrow().contains_key(&envelope.dedup_key) {
            return Ok(());
        }
        let sequence = self.last.get() + 1;
        self.last.set(sequence);
        self.ids.borrow_mut().insert(envelope.dedup_key.clone(), sequence);
        let partition = partition_of(&envelope.group);
        let content = Ok(envelope);
        self.records
            .borrow_mut()
            .push((partition, LogRecord { sequence, content }));
        self.grew.send_replace(sequence);
        Ok(())
    }

    /// Takes nothing for a while.
    pub(crate) fn set_read_only(&self, is_read_only: bool) {
        self.is_read_only.set(is_read_only);
    }

    /// Sequence of the newest message.
    pub(crate) fn last(&self) -> u64 {
        self.last.get()
    }

    /// Identity and newest sequence.
    pub(crate) async fn state(self: &Rc<Self>, me: &Process) -> Result<(String, u64), NoAnswer> {
        let log = Rc::clone(self);
        let serve = move || (format!("log-{}", log.identity.get()), log.last.get());
        self.network.ask(me, Service::Log, PATIENCE, serve).await
    }

    /// What a partition holds after a sequence, at most `limit` messages; of a log that is the one meant.
    pub(crate) async fn read(
        self: &Rc<Self>,
        me: &Process,
        identity: &str,
        partition: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LogRecord>, NoAnswer> {
        let (log, identity) = (Rc::clone(self), identity.to_owned());
        let serve = move || {
            if identity != format!("log-{}", log.identity.get()) {
                return Err(NoAnswer::Refused);
            }
            let records = log.records.borrow();
            let found = records
                .iter()
                .filter(|(of, record)| *of == partition && record.sequence > after);
            Ok(found.map(|(_, record)| record.clone()).take(limit).collect())
        };
        self.network.ask(me, Service::Log, PATIENCE, serve).await?
    }

    /// Tells when it grows.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.grew.subscribe()
    }

    /// Partition and sequence of every message it holds.
    pub(crate) fn contents(&self) -> Vec<(u32, u64)> {
        self.records
            .borrow()
            .iter()
            .map(|(partition, record)| (*partition, record.sequence))
            .collect()
    }

    pub(crate) fn identity(&self) -> String {
        format!("log-{}", self.identity.get())
    }

    /// It is deleted and made anew under the same name; the caller sees to it that nothing is lost by that.
    pub(crate) fn make_anew(&self) {
        self.identity.set(self.identity.get() + 1);
        self.restore(0);
    }

    /// It is restored from a backup that ends at a sequence.
    pub(crate) fn restore(&self, sequence: u64) {
        self.last.set(sequence.min(self.last.get()));
        self.records
            .borrow_mut()
            .retain(|(_, record)| record.sequence <= sequence);
        self.ids.borrow_mut().retain(|_, known| *known <= sequence);
    }
}
