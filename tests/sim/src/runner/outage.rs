//! Tells the chats that wait why nothing happens: each once per outage of the container runtime.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::ids::{GroupId, IdSource, OutboxId};
use proto::outbound::Reply;

use super::Runner;
use crate::sandbox::notice_text;

const PAGE: u32 = 100;

/// As in the runner: a group that waits for longer is not taken by any other.
const NOBODY_TOOK_IT: Duration = Duration::from_secs(3);

/// Who was told of the present outage.
#[derive(Default)]
pub(super) struct Notices {
    outage: Option<uuid::Uuid>,
    told: BTreeSet<GroupId>,
}

impl Notices {
    /// Tells those who wait and were not told yet.
    pub(super) async fn tell(&mut self, runner: &Runner) {
        let outage = *self.outage.get_or_insert_with(|| runner.world.ids.uuid());
        let since = runner.me.now() - NOBODY_TOOK_IT;
        let Ok(waiting) = runner.rows.waiting_chats(&runner.name, since, PAGE).await else {
            return;
        };
        for (group, chat) in waiting {
            if self.told.contains(&group) {
                continue;
            }
            let key = format!("runtime-down:{outage}:{chat}");
            let notice = Reply {
                key: key.clone(),
                text: notice_text(&key),
                chat,
                sender: None,
                extra: None,
            };
            let fresh = OutboxId::fresh(&runner.world.ids);
            // In doubt it is told again, under the same key.
            if let Ok(told) = runner.rows.put_notice(&key, &notice, fresh, runner.me.now()).await {
                self.told.insert(group);
                runner.publish_outbox(&notice.chat, told.outbox_id()).await;
            }
        }
    }

    /// The runtime is back.
    pub(super) fn over(&mut self) {
        *self = Self::default();
    }
}
