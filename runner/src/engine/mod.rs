//! The engine: owns the slots, claims groups for them and keeps the lease.
//!
//! It knows nothing of what happens inside a run; [`crate::run`] knows nothing of other groups.

pub(crate) mod accounts;
pub(crate) mod copies;
pub(crate) mod dispatch;
pub(crate) mod lease;
pub(crate) mod outage;
pub(crate) mod persist;
pub(crate) mod reconcile;
pub(crate) mod recovery;
pub(crate) mod runtime_watch;
pub(crate) mod slots;
pub(crate) mod stops;

use std::sync::Arc;
use std::time::Duration;

use blobs::BlobStore;
use bus::{Hint, Hints};
use chrono_tz::Tz;
use proto::ids::{ChatId, IdSource, Incarnation, OutboxId, RunnerId};
use proto::lease::Trust;
use proto::time::{Clock, Monotonic};
use service::lifecycle::Lifecycle;
use service::random::Random;
use store::Store;
use tokio::sync::watch;

use crate::config;
use crate::mailbox::{RunDirs, Watcher};
use crate::metrics::Metrics;
use crate::mounts;
use crate::proxy::Proxies;
use crate::sandbox::SandboxRuntime;
use crate::snapshot::Snapshots;
use crate::workspace::{Folders, Skill};
use accounts::Accounts;
use slots::Slots;

/// What the parts of the runner share: ports, settings and the few facts that change.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hints: Arc<dyn Hints>,
    pub(crate) runtime: Arc<dyn SandboxRuntime>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) random: Random,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: Metrics,
    pub(crate) proxies: Proxies,
    pub(crate) run_dirs: Arc<RunDirs>,
    pub(crate) watcher: Watcher,
    pub(crate) folders: Folders,
    /// None where the files of groups are on this machine alone.
    pub(crate) snapshots: Option<Arc<Snapshots>>,
    /// Files of messages.
    pub(crate) files: Arc<dyn BlobStore>,
    pub(crate) skills: Vec<Skill>,
    pub(crate) mounts: mounts::Policy,
    pub(crate) settings: Settings,
    pub(crate) slots: Slots,
    pub(crate) accounts: Accounts,
    pub(crate) trust: watch::Sender<Trust>,
    pub(crate) runtime_state: watch::Sender<RuntimeState>,
}

/// Settings of the runner that hold for its whole life.
pub(crate) struct Settings {
    pub(crate) runner: RunnerId,
    pub(crate) incarnation: Incarnation,
    pub(crate) install: String,
    pub(crate) assistant_name: String,
    pub(crate) timezone: Tz,
    pub(crate) config: config::Runner,
    pub(crate) sandbox: config::Sandbox,
    pub(crate) model: config::Model,
}

/// Whether sandboxes can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeState {
    /// Not known yet: this runner has not settled its own past, so nothing may be claimed.
    Settling,
    /// As far as is known.
    Up {
        /// The last outage and when it ended.
        last_outage: Option<(u64, Monotonic)>,
    },
    /// No.
    Down {
        /// Tells outages apart, so that each is told once.
        outage: u64,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// A runtime that goes away again within this time has not been back: chats are not told a second time.
const SAME_OUTAGE: Duration = Duration::from_secs(60);

impl Engine {
    /// Whether the runner may act at all.
    pub(crate) fn trusted(&self) -> bool {
        *self.trust.borrow() == Trust::Full
    }

    /// Hints that a chat's account has this row to send.
    pub(crate) async fn publish_outbox(&self, chat: &ChatId, row: OutboxId) {
        let now = self.clock.monotonic();
        if let Some((channel, account)) = self.accounts.of(chat, &*self.store, now).await {
            let row = Some((row, chat.clone()));
            self.hints.publish(Hint::Outbox { channel, account, row });
        }
    }

    /// Why no sandbox can work on this host, if its disk is why.
    pub(crate) fn lacks_room(&self) -> Option<String> {
        let error = self.run_dirs.check_room().err()?;
        let dir = self.folders.data_dir().display();
        Some(format!(
            "nothing can be written to {dir} on this host ({error}): make room there; this runner serves nobody until then"
        ))
    }

    /// Notes that sandboxes can be started.
    pub(crate) fn runtime_is_up(&self) {
        self.runtime_state.send_if_modified(|state| {
            let last_outage = match state {
                RuntimeState::Up { .. } => return false,
                RuntimeState::Settling => None,
                RuntimeState::Down { outage, .. } => Some((*outage, self.clock.monotonic())),
            };
            if last_outage.is_some() {
                tracing::info!("sandboxes can be started again");
            }
            *state = RuntimeState::Up { last_outage };
            true
        });
    }

    /// Notes that the container runtime or the image is missing; claims stop until the watch finds it again.
    pub(crate) fn runtime_is_down(&self, reason: String) {
        self.runtime_state.send_if_modified(|state| {
            let outage = match state {
                RuntimeState::Down { .. } => return false,
                RuntimeState::Up {
                    last_outage: Some((outage, ended)),
                } if self.clock.monotonic().since(*ended) < SAME_OUTAGE => *outage,
                RuntimeState::Up { .. } | RuntimeState::Settling => self.clock.now().as_millis().unsigned_abs(),
            };
            tracing::error!(reason, "sandboxes cannot be started; retrying until they can");
            *state = RuntimeState::Down {
                outage,
                reason: reason.clone(),
            };
            true
        });
    }
}
