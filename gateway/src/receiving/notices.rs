//! Tells `main` of an account that does not mend itself: once when it is in trouble for a while, once when it is well again.

use std::sync::Arc;
use std::time::Duration;

use bus::{Hint, Hints};
use proto::ids::{IdSource, OutboxId};
use proto::outbound::Reply;
use proto::time::Clock;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::health::{Health, Tell};

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where notices go.
#[derive(Clone)]
pub struct Notices {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// Time of a notice.
    pub clock: Arc<dyn Clock>,
    /// Ids of notices.
    pub ids: Arc<dyn IdSource>,
}

impl Notices {
    /// Tells what there is to tell of an account until told to stop.
    pub async fn run(&self, health: &Health, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(tell) = health.due() {
                self.tell(health, tell).await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Tells it, if it can be told: it is in the log and on `/readyz` all the same.
    pub(super) async fn tell(&self, health: &Health, tell: Tell) {
        let report = health.report();
        let account = format!("{} ({})", report.channel, report.account);
        let text = match tell {
            Tell::Trouble(reason) => format!(
                "The account {account} has been in trouble for two minutes: {reason}. What it should send waits in order. \
                 `clawhold channel status` says how it is."
            ),
            Tell::Recovered => format!("The account {account} works again."),
        };
        if let Err(error) = self.to_main(&report.channel, &report.account, text).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                channel.name = report.channel,
                error,
                "main could not be told of an account's state"
            );
        }
    }

    /// Says something in main's chat, by another account than the one it is about where there is one.
    async fn to_main(&self, channel: &str, account: &str, text: String) -> store::Result<()> {
        let groups = self.store.groups().await?;
        let chats = self.store.chats().await?;
        let of_main = chats.into_iter().filter(|chat| {
            let group = chat.group.as_ref();
            groups.iter().any(|main| main.is_main && group == Some(&main.id))
        });
        // The one heard of last first; `min_by_key` keeps that order.
        let chat = of_main.min_by_key(|chat| {
            (
                chat.channel == channel && chat.account == account,
                chat.parent.is_some(),
            )
        });
        let Some(chat) = chat else { return Ok(()) };
        let id = OutboxId(self.ids.uuid());
        let notice = Reply {
            key: String::new(),
            chat: chat.id,
            text,
            sender: None,
            extra: None,
        };
        self.store
            .put_notice(&format!("account:{id}"), &notice, id, self.clock.now())
            .await?;
        self.hints.publish(Hint::Outbox {
            channel: chat.channel,
            account: chat.account,
            row: None,
        });
        Ok(())
    }
}
