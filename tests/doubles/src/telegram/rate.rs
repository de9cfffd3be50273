//! Limits of rate, when they are switched on: about one message a second per chat, twenty a minute per group.

use std::collections::VecDeque;

use super::chat::ChatKind;

/// The window of the limit of groups.
const GROUP_WINDOW_MS: u64 = 60_000;
/// Messages per window and group.
const GROUP_MESSAGES_MAX: usize = 20;
/// The window of the limit of every chat.
const CHAT_WINDOW_MS: u64 = 1_000;
/// Short bursts are tolerated; more than this many in one second are not.
const CHAT_BURST_MAX: usize = 3;

/// When messages were sent to one chat.
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<u64>);

impl Rate {
    /// Takes one message now, or says after how many seconds the next one is taken.
    pub(super) fn take(&mut self, kind: ChatKind, now_ms: u64) -> Result<(), u64> {
        self.0.retain(|at| now_ms.saturating_sub(*at) < GROUP_WINDOW_MS);
        let recent = self.0.iter().filter(|at| now_ms.saturating_sub(**at) < CHAT_WINDOW_MS);
        if recent.count() >= CHAT_BURST_MAX {
            return Err(1);
        }
        if kind.is_group() && self.0.len() >= GROUP_MESSAGES_MAX {
            let oldest = self.0.front().copied().unwrap_or(now_ms);
            let left = (oldest + GROUP_WINDOW_MS).saturating_sub(now_ms);
            return Err(left.div_ceil(1_000).max(1));
        }
        self.0.push_back(now_ms);
        Ok(())
    }
}
