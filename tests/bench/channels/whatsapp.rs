//! WhatsApp: what it has it tells by webhook; what it does not tell of stays in doubt, or is sent again by option.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::whatsapp::{ACCESS_TOKEN, APP_SECRET, Inbound, PHONE_NUMBER_ID, VERIFY_TOKEN, WhatsAppDouble};
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Channels, WhatsApp, WhenUnsure};
use proto::ids::ChatId;
use service::config::Secret;

use super::{Peer, Promise, none_active, only_channel};

const PERSON: &str = "@s.whatsapp.net";
const FIRST_NUMBER: u64 = 4_915_100_000_000;
/// States of messages in one notification, as Meta gathers them when there are many.
const PER_NOTIFICATION: usize = 20;

pub(super) struct WhatsAppPeer {
    resend: WhenUnsure,
    platform: Arc<WhatsAppDouble>,
    faults: Arc<Faults>,
    running: RunningPlatform,
}

impl WhatsAppPeer {
    pub(super) async fn start(resend: WhenUnsure) -> Self {
        let (platform, faults) = <(Arc<WhatsAppDouble>, Arc<Faults>)>::default();
        platform.lift_rate_limits();
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        Self {
            resend,
            platform,
            faults,
            running,
        }
    }
}

#[async_trait]
impl Peer for WhatsAppPeer {
    fn name(&self) -> &'static str {
        match self.resend {
            WhenUnsure::Never => "whatsapp",
            WhenUnsure::Always => "whatsapp resend=always",
        }
    }

    fn promise(&self) -> Promise {
        self.resend.into()
    }

    fn eased(&self) -> &'static str {
        "WhatsApp's own limits (80 messages a second, one in six seconds and person) are off"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let whatsapp = WhatsApp {
            access_token: Some(Secret::new(ACCESS_TOKEN)),
            phone_number_id: Some(PHONE_NUMBER_ID.to_owned()),
            app_secret: Some(Secret::new(APP_SECRET)),
            verify_token: Some(Secret::new(VERIFY_TOKEN)),
            resend: self.resend,
            base_url: Some(self.running.url()),
            allow_unofficial_host: true,
            ..WhatsApp::default()
        };
        let settings = Channels {
            whatsapp,
            ..none_active()
        };
        only_channel(&settings, deps)
    }

    async fn listen(&self, base_url: &str) {
        let hook = format!("{base_url}/whatsapp/webhook");
        self.platform.subscribe(&hook).await.unwrap();
        self.platform.release_batched(PER_NOTIFICATION, 1);
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn advance(&self, span: Duration) {
        self.platform.clock.advance(span);
    }

    /// Whoever has not written yet cannot be written to.
    fn chats(&self, count: usize) -> Vec<ChatId> {
        let person = |n| {
            let number = (FIRST_NUMBER + n as u64).to_string();
            self.platform.say(&number, Inbound::Text("hello".to_owned()));
            ChatId::new(format!("{number}{PERSON}"))
        };
        (0..count).map(person).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let number = chat.as_str().strip_suffix(PERSON).unwrap();
        let arrived = self.platform.messages(number).into_iter();
        arrived.map(|message| message.content.text()).collect()
    }
}
