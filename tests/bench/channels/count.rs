//! What people can read, compared with what the rows say.

use std::collections::HashMap;

use proto::outbound::{Delivery, OutboxState};

/// What became of all messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) rows: u64,
    pub(super) sent: u64,
    /// Said to be sent, and not there.
    pub(super) lost: u64,
    /// There more than once.
    pub(super) doubled: u64,
    /// Left, visibly, as "may have arrived".
    pub(super) uncertain: u64,
    /// Of these, not there.
    pub(super) uncertain_missing: u64,
    /// Given up.
    pub(super) dead: u64,
    /// Not done when the time was over.
    pub(super) unsent: u64,
    /// First read after one that was to come later.
    pub(super) disordered: u64,
    /// Attempts charged.
    pub(super) attempts: u64,
}

impl Count {
    /// Adds a chat: its rows in order, and what is read there.
    pub(super) fn add(&mut self, rows: &[Delivery], texts: Vec<String>) {
        let mut seen = HashMap::<String, (usize, u64)>::new();
        for (at, text) in texts.into_iter().enumerate() {
            seen.entry(text).or_insert((at, 0)).1 += 1;
        }
        let mut latest = 0;
        for row in rows {
            let (at, times) = seen.get(&row.text).copied().unwrap_or((latest, 0));
            self.rows += 1;
            self.doubled += u64::from(times > 1);
            self.disordered += u64::from(at < latest);
            self.attempts += u64::from(row.attempts);
            latest = latest.max(at);
            match row.state {
                OutboxState::Sent => {
                    self.sent += 1;
                    self.lost += u64::from(times == 0);
                }
                OutboxState::Uncertain => {
                    self.uncertain += 1;
                    self.uncertain_missing += u64::from(times == 0);
                }
                OutboxState::Dead => self.dead += 1,
                OutboxState::Pending | OutboxState::Sending => self.unsent += 1,
            }
        }
    }
}
