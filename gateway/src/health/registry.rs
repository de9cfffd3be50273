//! All accounts of this gateway, for whoever asks how they are.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Health, Receiving};

/// What is said of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountReport {
    /// Channel.
    pub channel: String,
    /// Account.
    pub account: String,
    /// How its feed is.
    pub receiving: Receiving,
    /// What is wrong, if something is.
    pub trouble: Option<String>,
    /// Seconds since the feed's last sign of life.
    pub silent_for_s: u64,
}

/// The accounts. Clones are the same set.
#[derive(Clone, Default)]
pub struct HealthRegistry(Arc<Mutex<Vec<Arc<Health>>>>);

impl HealthRegistry {
    /// Adds an account.
    pub fn add(&self, health: Arc<Health>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(health);
    }

    /// What can be said of all of them now.
    pub fn report(&self) -> Vec<AccountReport> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|health| health.report()).collect()
    }
}
