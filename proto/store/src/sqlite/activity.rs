//! What is still on its way in a chat.

use proto::ids::ChatId;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::count;
use crate::{ChatActivity, Result};

pub(super) fn of_chat(conn: &Connection, chat: &ChatId) -> Result<ChatActivity> {
    // One statement, so one snapshot: a commit moves both numbers at once, and so they are never both zero in between.
    let activity = conn
        .prepare_cached(
            "
            SELECT
                (SELECT COUNT(*) FROM messages m
                 WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages = 1 AND m.chat_id = c.id) AS unanswered,
                (SELECT COUNT(*) FROM outbox o
                 WHERE o.chat_id = c.id AND o.state IN ('pending', 'sending')) AS undelivered
            FROM chats c LEFT JOIN groups g ON g.id = c.group_id
            WHERE c.id = ?1
            ",
        )?
        .query_row(params![chat.as_str()], |row| {
            Ok(ChatActivity {
                unanswered: count(row, "unanswered")?,
                undelivered: count(row, "undelivered")?,
            })
        })
        .optional()?;
    Ok(activity.unwrap_or_default())
}
