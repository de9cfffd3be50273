//! Registering a group with its chats: one rule for the admin API, the command line and the agent of main (IPC-11).
//!
//! Invariant: registering again changes what it names and takes nothing away: a group stays main (IPC-D5), its other
//! chats stay registered (DB-D3).

use proto::group::{Chat, Group, GroupSettings};
use proto::ids::{ChatId, GroupId};
use proto::time::Timestamp;

use crate::{Error, Result, Store};

/// What is to be registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The group, new or known.
    pub group: GroupId,
    /// Name for people.
    pub name: String,
    /// Makes it main; `false` leaves a known group what it is. A caller that may not do that says `false`.
    pub is_main: bool,
    /// Settings; they replace those of a known group.
    pub settings: GroupSettings,
    /// Chats that must have been seen; they are added to those the group has.
    pub chats: Vec<ChatId>,
    /// Whether chats of another group may be taken from it.
    pub move_chats: bool,
}

/// Registers a group and its chats, and returns the group as it is now.
///
/// All is checked before anything is written. The writes are several transactions: after a failure in between, the
/// group exists with some of the chats, and doing it again completes it.
///
/// # Errors
/// [`Error::NotFound`] for a chat that was never seen; [`Error::Conflict`] for a chat of another group unless
/// `move_chats`.
pub async fn register(store: &dyn Store, registration: &Registration, now: Timestamp) -> Result<Group> {
    for id in &registration.chats {
        let chat = store.chat(id).await?.ok_or_else(|| Error::NotFound {
            what: "chat",
            id: id.to_string(),
        })?;
        check_free(&chat, registration)?;
    }
    let known = store.group(&registration.group).await?;
    let group = merge(known, registration, now);
    store.put_group(&group).await?;
    for id in &registration.chats {
        store.register_chat(id, Some(&group.id)).await?;
    }
    Ok(group)
}

fn check_free(chat: &Chat, registration: &Registration) -> Result<()> {
    match &chat.group {
        Some(other) if *other != registration.group && !registration.move_chats => Err(Error::Conflict(format!(
            "chat {} is registered to group {other}: ask for it to be moved, or unregister it there first",
            chat.id
        ))),
        Some(_) | None => Ok(()),
    }
}

fn merge(known: Option<Group>, registration: &Registration, now: Timestamp) -> Group {
    Group {
        id: registration.group.clone(),
        name: registration.name.clone(),
        is_main: registration.is_main || known.as_ref().is_some_and(|group| group.is_main),
        settings: registration.settings.clone(),
        created_at: known.map_or(now, |group| group.created_at),
    }
}
