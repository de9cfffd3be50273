//! What is still on its way in a chat.

use proto::ids::ChatId;

use super::columns::count;
use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;
use crate::ChatActivity;

pub(super) async fn of_chat(tx: &Tx, chat: &ChatId) -> Result<ChatActivity> {
    // One statement, so one snapshot: a commit moves both numbers at once, and so they are never both zero in between.
    let activity = statement!(
        "
        SELECT
            (SELECT COUNT(*) FROM messages m
             WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages AND m.chat_id = c.id) AS unanswered,
            (SELECT COUNT(*) FROM outbox o
             WHERE o.chat_id = c.id AND o.state IN ('pending', 'sending')) AS undelivered
        FROM chats c LEFT JOIN groups g ON g.id = c.group_id
        WHERE c.id = $1
        ",
        chat,
    );
    let answer = tx.read(activity).await?;
    let Some(row) = answer.row() else {
        return Ok(ChatActivity::default());
    };
    Ok(ChatActivity {
        unanswered: count(row, "unanswered")?,
        undelivered: count(row, "undelivered")?,
    })
}
