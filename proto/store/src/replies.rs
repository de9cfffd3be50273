//! What the replies of a commit must satisfy by themselves: one check for all engines, so that they refuse alike.
//!
//! Left to a unique index, a defect of the caller would look like a failure of the database, and be tried for ever.

use std::collections::BTreeSet;

use proto::ids::OutboxId;
use proto::outbound::Reply;

use crate::{Error, Result};

/// Fails unless there is one outbox id for each reply and no key appears twice.
pub(crate) fn check(replies: &[Reply], outbox_ids: &[OutboxId]) -> Result<()> {
    if replies.len() != outbox_ids.len() {
        return Err(Error::Conflict("one outbox id is needed for each reply".to_owned()));
    }
    let mut keys = BTreeSet::new();
    match replies.iter().find(|reply| !keys.insert(&reply.key)) {
        Some(twice) => Err(Error::Conflict(format!("two replies have the key {}", twice.key))),
        None => Ok(()),
    }
}
