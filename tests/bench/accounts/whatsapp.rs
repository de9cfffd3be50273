//! WhatsApp, whose notifications any gateway takes.

use std::sync::Arc;

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::whatsapp::{ACCESS_TOKEN, APP_SECRET, Inbound, PHONE_NUMBER_ID, VERIFY_TOKEN, WhatsAppDouble};

use super::Peer;

const ANN: &str = "4915112345678";

pub(super) struct WhatsAppPeer {
    whatsapp: Arc<WhatsAppDouble>,
    running: RunningPlatform,
}

impl WhatsAppPeer {
    pub(super) async fn start() -> Self {
        let whatsapp = Arc::new(WhatsAppDouble::default());
        whatsapp.add_person(ANN, "Ann");
        let running = start(Arc::clone(&whatsapp), Arc::new(Faults::default())).await.unwrap();
        Self { whatsapp, running }
    }
}

#[async_trait]
impl Peer for WhatsAppPeer {
    fn name(&self) -> &'static str {
        "whatsapp"
    }

    fn settings(&self) -> String {
        format!(
            "[channels.whatsapp]\naccess_token = \"{ACCESS_TOKEN}\"\nphone_number_id = \"{PHONE_NUMBER_ID}\"\n\
             app_secret = \"{APP_SECRET}\"\nverify_token = \"{VERIFY_TOKEN}\"\nbase_url = \"{}\"\nallow_unofficial_host = true\n",
            self.running.url()
        )
    }

    fn chat(&self) -> String {
        format!("{ANN}@s.whatsapp.net")
    }

    fn say(&self, text: &str) {
        self.whatsapp.say(ANN, Inbound::Text(text.to_owned()));
    }

    async fn listen(&self, base_url: &str) {
        let hook = format!("{base_url}/whatsapp/webhook");
        self.whatsapp.subscribe(&hook).await.unwrap();
    }
}
