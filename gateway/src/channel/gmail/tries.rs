//! How often a mail could not be fetched.

use std::sync::{Mutex, PoisonError};

/// The mail that holds the feed up: it stops at the first that fails, so there is one at a time. After a restart counting
/// begins again, and the mail is merely tried more often.
#[derive(Default)]
pub(super) struct Tries(Mutex<Option<(String, u32)>>);

impl Tries {
    /// One more try failed; how many did in a row.
    pub(super) fn failed(&self, id: &str) -> u32 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.take().filter(|(known, _)| known == id);
        let tries = before.map_or(0, |(_, tries)| tries).saturating_add(1);
        *last = Some((id.to_owned(), tries));
        tries
    }
}
