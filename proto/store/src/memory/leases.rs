//! Leases: leadership and accounts.

use proto::ids::Epoch;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};

use super::state::State;
use super::switches::Switch;
use crate::{Error, Result};

impl State {
    pub(super) fn lease(&self, name: &LeaseName) -> LeaseRow {
        self.leases.get(name).cloned().unwrap_or(LeaseRow {
            holder: None,
            epoch: Epoch::ZERO,
            heartbeat: 0,
        })
    }

    pub(super) fn take_lease(&mut self, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Option<Epoch> {
        let row = self.lease(name);
        if row != *seen && !self.lacks(Switch::LeaseCompareAndSet) {
            return None;
        }
        let taken = LeaseRow {
            holder: Some(holder.to_owned()),
            epoch: row.epoch.next(),
            heartbeat: row.heartbeat,
        };
        let epoch = taken.epoch;
        self.leases.insert(name.clone(), taken);
        Some(epoch)
    }

    pub(super) fn renew_lease(&mut self, hold: &Hold) -> Result<()> {
        let row = self.lease_of(hold).ok_or_else(|| lost(hold))?;
        row.heartbeat += 1;
        Ok(())
    }

    pub(super) fn release_lease(&mut self, hold: &Hold) {
        if let Some(row) = self.lease_of(hold) {
            row.holder = None;
        }
    }

    pub(super) fn position(&self, channel: &str, account: &str) -> Option<String> {
        self.positions.get(&(channel.to_owned(), account.to_owned())).cloned()
    }

    pub(super) fn save_position(&mut self, hold: &Hold, position: &str) -> Result<()> {
        let (channel, account) = self.held_account(hold)?;
        self.positions
            .insert((channel.to_owned(), account.to_owned()), position.to_owned());
        Ok(())
    }

    /// The row of a lease that is held.
    fn lease_of(&mut self, hold: &Hold) -> Option<&mut LeaseRow> {
        let any = self.lacks(Switch::LeaseEpoch);
        self.leases.get_mut(&hold.name).filter(|row| any || holds(row, hold))
    }

    /// The account that a hold is for.
    pub(super) fn held_account<'h>(&self, hold: &'h Hold) -> Result<(&'h str, &'h str)> {
        let held = holds(&self.lease(&hold.name), hold) || self.lacks(Switch::AccountEpoch);
        match &hold.name {
            LeaseName::Account { channel, account } if held => Ok((channel, account)),
            LeaseName::Account { .. } | LeaseName::Scheduler => Err(lost(hold)),
        }
    }
}

fn holds(row: &LeaseRow, hold: &Hold) -> bool {
    row.holder.as_ref() == Some(&hold.holder) && row.epoch == hold.epoch
}

fn lost(hold: &Hold) -> Error {
    Error::LeaseLost(Box::new(hold.clone()))
}
