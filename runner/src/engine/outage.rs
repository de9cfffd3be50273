//! Tells the chats that wait why nothing happens: each once per outage, and only those that no other runner serves.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::ids::{ChatId, GroupId, OutboxId};
use proto::outbound::Reply;
use proto::turn::Recorded;

use super::Engine;

/// A group that waits for longer is not taken by any other runner with a free slot: above the time that runners leave a group to
/// the one that held it last, and a sweep after it.
const NOBODY_TOOK_IT: Duration = Duration::from_secs(3);

/// Groups read at a time.
const PAGE: u32 = 100;

const TEXT: &str = "I cannot start my sandbox right now. Your message is kept and will be answered as soon as that works \
                    again; the operator can see the reason.";

/// Who was told of the present outage.
#[derive(Default)]
pub(crate) struct Notices {
    outage: u64,
    told: BTreeSet<GroupId>,
}

impl Notices {
    /// Tells those who wait and were not told yet.
    pub(crate) async fn tell(&mut self, engine: &Engine, outage: u64, reason: &str) {
        if self.outage != outage {
            (self.outage, self.told) = (outage, BTreeSet::new());
        }
        let since = engine.clock.now() - NOBODY_TOOK_IT;
        let mut after = None;
        loop {
            let page = match engine
                .store
                .waiting_chats(&engine.settings.runner, since, after.as_ref(), PAGE)
                .await
            {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "waiting chats cannot be read");
                    return;
                }
            };
            let Some((last, _)) = page.last() else { return };
            after = Some(last.clone());
            for (group, chat) in page {
                if !self.told.contains(&group) && tell_one(engine, outage, &group, chat, reason).await {
                    self.told.insert(group);
                }
            }
        }
    }
}

async fn tell_one(engine: &Engine, outage: u64, group: &GroupId, chat: ChatId, reason: &str) -> bool {
    let key = format!("runtime-down:{outage}:{chat}");
    let reply = Reply {
        key: key.clone(),
        chat,
        text: TEXT.to_owned(),
        sender: None,
        extra: None,
    };
    let fresh = OutboxId::fresh(&*engine.ids);
    match engine.store.put_notice(&key, &reply, fresh, engine.clock.now()).await {
        Ok(Recorded::New(row)) => {
            tracing::warn!(group.id = %group, reason, "a chat was told that sandboxes cannot be started");
            engine.publish_outbox(&reply.chat, row).await;
            true
        }
        Ok(Recorded::Already(_)) => true,
        Err(error) => {
            tracing::warn!(group.id = %group, error = &error as &dyn std::error::Error, "a chat could not be told");
            false
        }
    }
}
