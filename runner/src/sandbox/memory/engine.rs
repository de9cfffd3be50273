//! The engine's memory: its sandboxes and the faults set on it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Program;
use crate::sandbox::{ImageInfo, SandboxId, SandboxSpec, SandboxState};

/// A fault that stays until it is cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing answers.
    Unreachable,
    /// Everything answers but `start`, which fails with this reason.
    StartFails(String),
    /// `start` succeeds but its answer is lost: the caller hears a failure, the sandbox runs.
    StartAnswerLost,
}

/// One sandbox.
pub(super) struct Sandbox {
    pub(super) spec: SandboxSpec,
    pub(super) state: watch::Sender<SandboxState>,
}

/// An engine in memory; clones share it.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(super) struct Inner {
    pub(super) images: HashMap<String, (ImageInfo, Program)>,
    pub(super) sandboxes: BTreeMap<u64, Sandbox>,
    pub(super) fault: Option<Fault>,
    pub(super) started: u64,
    /// Runs the programs; they end with the engine.
    pub(super) programs: JoinSet<()>,
}

impl MemoryEngine {
    /// An engine without images.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image under its name and its content id.
    pub fn add_image(&self, name: &str, info: ImageInfo, program: Program) {
        let mut inner = self.inner();
        inner.images.insert(info.id.clone(), (info.clone(), program.clone()));
        inner.images.insert(name.to_owned(), (info, program));
    }

    /// Sets or clears the fault.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.inner().fault = fault;
    }

    /// How many sandboxes were ever started.
    pub fn started(&self) -> u64 {
        self.inner().started
    }

    /// Specifications of the sandboxes that can act now: neither paused nor ended.
    pub fn acting(&self) -> Vec<SandboxSpec> {
        let inner = self.inner();
        let acting = inner
            .sandboxes
            .values()
            .filter(|sandbox| *sandbox.state.borrow() == SandboxState::Running);
        acting.map(|sandbox| sandbox.spec.clone()).collect()
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Finds a sandbox by the id it was given.
    pub(super) fn key(&self, id: &SandboxId) -> Option<u64> {
        let key = id.as_str().strip_prefix("memory-")?.parse().ok()?;
        self.sandboxes.contains_key(&key).then_some(key)
    }
}

/// Id of the sandbox with this number.
pub(super) fn id_of(key: u64) -> SandboxId {
    SandboxId::new(format!("memory-{key}"))
}
