//! WhatsApp as a subject of the conformance suite: one person, whose chat is the room as well.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::whatsapp::{
    ACCESS_TOKEN, APP_SECRET, Inbound, MediaKind, PHONE_NUMBER_ID, Sent, VERIFY_TOKEN, WhatsAppDouble,
};
use proto::ids::ChatId;
use service::config::Secret;

use super::super::{WhatsAppChannel, chat_of, number_of, webhook};
use crate::channel::conformance::{Act, Promise, Read, Subject, Traits};
use crate::channel::{Channel, ChannelDeps};
use crate::config;

pub(super) const ANNA: &str = "4915112345678";

/// WhatsApp; `ALWAYS`: what may not have arrived is sent again.
pub(super) struct WhatsApp<const ALWAYS: bool> {
    pub(super) platform: Arc<WhatsAppDouble>,
    pub(super) running: RunningPlatform,
    pub(super) faults: Arc<Faults>,
    /// The id of the last message.
    last: Mutex<String>,
}

impl<const ALWAYS: bool> WhatsApp<ALWAYS> {
    pub(super) fn config(&self) -> config::WhatsApp {
        config::WhatsApp {
            access_token: Some(Secret::new(ACCESS_TOKEN)),
            phone_number_id: Some(PHONE_NUMBER_ID.to_owned()),
            app_secret: Some(Secret::new(APP_SECRET)),
            verify_token: Some(Secret::new(VERIFY_TOKEN)),
            base_url: Some(self.running.url()),
            allow_unofficial_host: true,
            resend: if ALWAYS {
                config::WhenUnsure::Always
            } else {
                config::WhenUnsure::Never
            },
            ..config::WhatsApp::default()
        }
    }

    fn say(&self, said: Inbound) {
        *self.last.lock().unwrap() = self.platform.say(ANNA, said);
    }

    fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }
}

#[async_trait]
impl<const ALWAYS: bool> Subject for WhatsApp<ALWAYS> {
    const TRAITS: Traits = Traits {
        // Receipts tell of all that arrived. Of the rest nothing is ever heard: it is sent again by option only.
        promise: if ALWAYS {
            Promise::Reconciled {
                uncertain_share_max: 0.0,
            }
        } else {
            Promise::Told
        },
        edits: true,
        deletes: true,
        threads: false,
        rooms: false,
        feed: false,
        reactions: true,
        receipts: true,
    };

    async fn start() -> Self {
        let (platform, faults) = <(Arc<WhatsAppDouble>, Arc<Faults>)>::default();
        platform.add_correspondent(ANNA, "Anna");
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        Self {
            platform,
            running,
            faults,
            last: Mutex::default(),
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        Arc::new(WhatsAppChannel::configured(&self.config(), deps).unwrap().unwrap())
    }

    fn platform(&self) -> &RunningPlatform {
        &self.running
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn send_path(&self) -> &'static str {
        "/messages"
    }

    fn room(&self) -> ChatId {
        chat_of(ANNA)
    }

    fn direct(&self) -> ChatId {
        self.room()
    }

    fn more_chats(&self, count: usize) -> Vec<ChatId> {
        let person = |n| {
            let number = format!("49160000{n:04}");
            self.platform.add_correspondent(&number, &format!("Person {n}"));
            chat_of(&number)
        };
        (0..count).map(person).collect()
    }

    /// Of several gateways behind one address, Meta reaches the newest one.
    async fn listen(&self, base_url: &str) {
        let hook = format!("{base_url}{}", webhook::PATH);
        self.platform.subscribe(&hook).await.unwrap();
    }

    fn has_told(&self) -> bool {
        self.platform.untold() == 0
    }

    async fn act(&self, act: Act<'_>) {
        match act {
            Act::Say(text) | Act::Mention(text) | Act::Direct(text) => self.say(Inbound::Text(text.to_owned())),
            Act::Edit(text) => {
                let (of, text) = (self.last(), text.to_owned());
                self.platform.say(ANNA, Inbound::Edit { of, text });
            }
            Act::Delete => {
                self.platform.say(ANNA, Inbound::Revoke { of: self.last() });
            }
            Act::Attach(name, content) => self.say(Inbound::Media {
                kind: MediaKind::Document,
                media_type: "text/plain".to_owned(),
                caption: Some("look".to_owned()),
                file_name: Some(name.to_owned()),
                content: Bytes::copy_from_slice(content),
            }),
            Act::Repeat => self.platform.repeat_message(),
            Act::Swapped(first, second) => {
                self.platform.hold_notifications();
                self.say(Inbound::Text(first.to_owned()));
                self.say(Inbound::Text(second.to_owned()));
                self.platform.release_backwards();
            }
            // There are no threads; what was not taken comes again by itself.
            Act::InThread(_) | Act::Redeliver => {}
        }
    }

    fn read(&self, chat: &ChatId) -> Vec<Read> {
        let sent = self.platform.messages(number_of(chat).unwrap()).into_iter();
        let read = sent.map(|sent| sent.content).filter(|sent| !is_reaction(sent));
        read.map(|sent| Read {
            text: sent.text(),
            file: match sent {
                Sent::Media { content, .. } => Some(content.to_vec()),
                _ => None,
            },
        })
        .collect()
    }

    fn reactions(&self) -> Vec<String> {
        let sent = self.platform.messages(ANNA).into_iter();
        let reactions = sent.map(|sent| sent.content).filter(is_reaction);
        reactions.map(|sent| sent.text()).collect()
    }

    fn revoke(&self, revoked: bool) {
        match revoked {
            true => self.platform.revoke_token(),
            false => self.platform.restore_token(),
        }
    }
}

fn is_reaction(sent: &Sent) -> bool {
    matches!(sent, Sent::Reaction { .. })
}
