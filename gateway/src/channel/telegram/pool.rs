//! The sender pool (OP-06): bots that only send, each speaking for one role of one group.
//!
//! A role keeps its bot for as long as the process lives; bots are dealt out in turn and take the role's name. Without a
//! pool, or where its bot may not write, the main bot speaks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proto::ids::GroupId;
use proto::outbound::Delivery;
use serde_json::{Value, json};

use super::api::Api;

/// Roles remembered; far more than a pool has bots for.
const ROLES_MAX: usize = 1_000;
/// Longest name of a bot.
const NAME_CHARS_MAX: usize = 64;
/// A new name needs a moment until people see it.
const RENAME_PAUSE: Duration = Duration::from_secs(2);

/// The bots of the pool.
pub(super) struct Pool {
    bots: Vec<Api>,
    dealt: Mutex<Dealt>,
}

#[derive(Default)]
struct Dealt {
    roles: HashMap<(GroupId, String), usize>,
    next: usize,
}

impl Pool {
    pub(super) fn new(bots: Vec<Api>) -> Self {
        let dealt = Mutex::default();
        Self { bots, dealt }
    }

    /// The bot that speaks for the role of a delivery; none, if the main bot does.
    pub(super) async fn bot_for(&self, delivery: &Delivery) -> Option<&Api> {
        let role = delivery.sender.as_deref().filter(|role| !role.trim().is_empty())?;
        let (index, is_new) = self.deal(&delivery.group, role)?;
        let bot = &self.bots[index];
        if is_new {
            let name: String = role.trim().chars().take(NAME_CHARS_MAX).collect();
            match bot.call::<Value>("setMyName", &json!({ "name": name })).await {
                Ok(_) => tokio::time::sleep(RENAME_PAUSE).await,
                // Telegram allows few renames a day; the role's text still leaves.
                Err(error) => tracing::warn!(?error, "a bot of the pool could not take the name of a role"),
            }
        }
        Some(bot)
    }

    fn deal(&self, group: &GroupId, role: &str) -> Option<(usize, bool)> {
        let count = self.bots.len();
        // Every change leaves it whole.
        let mut dealt = self.dealt.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (group.clone(), role.to_owned());
        if let Some(index) = dealt.roles.get(&key) {
            return Some((*index, false));
        }
        if dealt.roles.len() >= ROLES_MAX {
            dealt.roles.clear();
        }
        let index = dealt.next.checked_rem(count)?;
        dealt.next += 1;
        dealt.roles.insert(key, index);
        Some((index, true))
    }
}
