//! Webhooks: the receiver knows a reply by its idempotency key.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use doubles::platform::{Answer, Call, Faults, Platform, RunningPlatform, start};
use gateway::channel::webhook::{Hook, WebhookChannel};
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::Webhook;
use http::StatusCode;
use proto::ids::ChatId;
use service::config::Secret;

use super::{Peer, Promise};

/// A receiver as the documentation asks for it.
#[derive(Default)]
struct Receiver(Mutex<Received>);

#[derive(Default)]
struct Received {
    keys: HashSet<String>,
    texts: HashMap<String, Vec<String>>,
}

#[async_trait]
impl Platform for Receiver {
    async fn answer(&self, call: Call) -> Answer {
        let (key, reply) = (call.header("idempotency-key").unwrap(), call.json().unwrap());
        let mut received = self.0.lock().unwrap();
        if received.keys.insert(key.to_owned()) {
            let text = |name: &str| reply[name].as_str().unwrap().to_owned();
            received.texts.entry(text("chat")).or_default().push(text("text"));
        }
        Answer::empty(StatusCode::OK)
    }

    fn busy(&self, _: &Call, retry_after: Duration) -> Answer {
        Answer::empty(StatusCode::TOO_MANY_REQUESTS).header("retry-after", retry_after.as_secs())
    }

    fn is_effect(&self, _: &Call) -> bool {
        true
    }
}

pub(super) struct WebhookPeer {
    hook: Arc<Hook>,
    receiver: Arc<Receiver>,
    faults: Arc<Faults>,
    /// Serves for as long as it is held.
    _running: RunningPlatform,
}

impl WebhookPeer {
    pub(super) async fn start() -> Self {
        let (receiver, faults) = <(Arc<Receiver>, Arc<Faults>)>::default();
        let running = start(Arc::clone(&receiver), Arc::clone(&faults)).await.unwrap();
        let settings = Webhook {
            secret: Secret::new("a secret of the benchmark"),
            callback_url: Some(format!("{}/replies", running.url())),
            group: None,
        };
        Self {
            hook: Arc::new(Hook::new("bench", &settings).unwrap()),
            receiver,
            faults,
            _running: running,
        }
    }
}

impl Peer for WebhookPeer {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn promise(&self) -> Promise {
        Promise::Exact
    }

    fn eased(&self) -> &'static str {
        "the receiver deduplicates by the idempotency key, as it must"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        Arc::new(WebhookChannel::new(Arc::clone(&self.hook), deps.files.clone(), Arc::clone(&deps.clock)).unwrap())
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        (0..count).map(|n| self.hook.chat_id(&format!("room-{n}"))).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let received = self.receiver.0.lock().unwrap();
        let texts = received.texts.get(self.hook.platform_chat(chat));
        texts.cloned().unwrap_or_default()
    }
}
