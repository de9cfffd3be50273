//! A container runtime that fails when told, around the one in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use proto::ipc;
use runner::sandbox::memory::MemoryRuntime;
use runner::sandbox::{Found, ImageInfo, RuntimeError, RuntimeInfo, SandboxId, SandboxRuntime, SandboxSpec, Started};
use tokio::sync::watch;

use crate::agent::mailbox;

pub(crate) struct Rough {
    inner: MemoryRuntime,
    kill_fails: AtomicBool,
    failed_kills: AtomicU32,
    breaks_links: AtomicBool,
    /// A group whose sandboxes are never started: the runner's code panics over each.
    panics_over: Mutex<Option<String>>,
    panics: AtomicU32,
    pauses_to_fail: AtomicU32,
    hangs: watch::Sender<bool>,
    hanging: AtomicU32,
}

impl Rough {
    pub(crate) fn around(inner: MemoryRuntime) -> Self {
        Self {
            inner,
            kill_fails: AtomicBool::default(),
            failed_kills: AtomicU32::default(),
            breaks_links: AtomicBool::default(),
            panics_over: Mutex::default(),
            panics: AtomicU32::default(),
            pauses_to_fail: AtomicU32::default(),
            hangs: watch::Sender::new(false),
            hanging: AtomicU32::default(),
        }
    }

    pub(crate) fn kill_fails(&self, fails: bool) {
        self.kill_fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn failed_kills(&self) -> u32 {
        self.failed_kills.load(Ordering::SeqCst)
    }

    /// Sandboxes whose mailbox is gone before anything is put into it.
    pub(crate) fn breaks_links(&self, breaks: bool) {
        self.breaks_links.store(breaks, Ordering::SeqCst);
    }

    pub(crate) fn panics_over(&self, group: &str) {
        *self.panics_over.lock().unwrap() = Some(group.to_owned());
    }

    pub(crate) fn panics(&self) -> u32 {
        self.panics.load(Ordering::SeqCst)
    }

    pub(crate) fn pauses_that_fail(&self, times: u32) {
        self.pauses_to_fail.store(times, Ordering::SeqCst);
    }

    pub(crate) fn hangs_when_listing(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    pub(crate) fn listings_that_hang(&self) -> u32 {
        self.hanging.load(Ordering::SeqCst)
    }
}

fn failed(action: &'static str) -> RuntimeError {
    RuntimeError::Failed {
        action,
        reason: "as told".to_owned(),
    }
}

#[async_trait]
impl SandboxRuntime for Rough {
    async fn probe(&self) -> Result<RuntimeInfo, RuntimeError> {
        self.inner.probe().await
    }

    async fn image(&self, image: &str) -> Result<ImageInfo, RuntimeError> {
        self.inner.image(image).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Started, RuntimeError> {
        let panics = self.panics_over.lock().unwrap().as_deref() == Some(spec.labels.group.as_str());
        if panics {
            self.panics.fetch_add(1, Ordering::SeqCst);
            panic!("as told");
        }
        if self.breaks_links.load(Ordering::SeqCst) {
            std::fs::remove_dir_all(mailbox(spec, ipc::IN_DIR)).unwrap();
        }
        self.inner.start(spec).await
    }

    async fn list(&self) -> Result<Vec<Found>, RuntimeError> {
        let mut hangs = self.hangs.subscribe();
        if *hangs.borrow_and_update() {
            self.hanging.fetch_add(1, Ordering::SeqCst);
        }
        hangs.wait_for(|hangs| !hangs).await.unwrap();
        self.inner.list().await
    }

    async fn kill(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        if self.kill_fails.load(Ordering::SeqCst) {
            self.failed_kills.fetch_add(1, Ordering::SeqCst);
            return Err(failed("kill a sandbox"));
        }
        self.inner.kill(id).await
    }

    async fn pause(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let one_less = |left: u32| left.checked_sub(1);
        let fails = self
            .pauses_to_fail
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if fails.is_ok() {
            return Err(failed("pause a sandbox"));
        }
        self.inner.pause(id).await
    }

    async fn resume(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.inner.resume(id).await
    }
}
