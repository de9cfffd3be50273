//! Slack's limits: calls per method and minute, and messages per channel and second. Off unless a test asks for them.

use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
/// Least time between two messages of one channel.
const POST_EVERY_MS: u64 = 1_000;

#[derive(Default)]
pub(super) struct Rate {
    pub(super) is_on: bool,
    /// Begin and count of the running minute, by method.
    minutes: BTreeMap<String, (u64, u32)>,
    posted: BTreeMap<String, u64>,
}

impl Rate {
    /// Counts a call; `Err` says how many seconds to wait.
    pub(super) fn take(&mut self, method: &str, channel: &str, now_ms: u64) -> Result<(), u64> {
        if !self.is_on {
            return Ok(());
        }
        if method == "chat.postMessage" {
            let last = self.posted.get(channel).copied();
            if last.is_some_and(|last| now_ms < last + POST_EVERY_MS) {
                return Err(1);
            }
            self.posted.insert(channel.to_owned(), now_ms);
            return Ok(());
        }
        let minute = self.minutes.entry(method.to_owned()).or_insert((now_ms, 0));
        if now_ms >= minute.0 + MINUTE_MS {
            *minute = (now_ms, 0);
        }
        if minute.1 >= per_minute(method) {
            return Err((minute.0 + MINUTE_MS - now_ms).div_ceil(1_000).max(1));
        }
        minute.1 += 1;
        Ok(())
    }
}

fn per_minute(method: &str) -> u32 {
    match method {
        "apps.connections.open" => 1,
        "conversations.list" | "files.getUploadURLExternal" => 20,
        "users.info" | "files.completeUploadExternal" => 100,
        "auth.test" | "assistant.threads.setStatus" => 600,
        _ => 50,
    }
}
