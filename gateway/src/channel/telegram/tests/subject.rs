//! Telegram as a subject of the conformance suite.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::telegram::{Post, TelegramDouble, User};
use proto::ids::ChatId;
use service::config::Secret;

use super::super::TelegramChannel;
use super::super::place::Place;
use crate::channel::conformance::{Act, Promise, Read, Subject, Traits};
use crate::channel::{Channel, ChannelDeps};
use crate::config;

pub(super) const TOKEN: &str = "4242:main";

/// Telegram; `ALWAYS`: what may not have arrived is sent again.
pub(super) struct Telegram<const ALWAYS: bool> {
    pub(super) platform: Arc<TelegramDouble>,
    pub(super) running: RunningPlatform,
    pub(super) faults: Arc<Faults>,
    pub(super) ann: User,
    pub(super) room: i64,
    pub(super) topic: i64,
    /// Chat and id of the last message.
    last: Mutex<(i64, i64)>,
}

impl<const ALWAYS: bool> Telegram<ALWAYS> {
    pub(super) fn config(&self) -> config::Telegram {
        config::Telegram {
            bot_token: Some(Secret::new(TOKEN)),
            base_url: Some(self.running.url()),
            allow_unofficial_host: true,
            resend: if ALWAYS {
                config::WhenUnsure::Always
            } else {
                config::WhenUnsure::Never
            },
            ..config::Telegram::default()
        }
    }

    fn post(&self, chat: i64, post: &Post) {
        *self.last.lock().unwrap() = (chat, self.platform.post_as(chat, &self.ann, post));
    }
}

#[async_trait]
impl<const ALWAYS: bool> Subject for Telegram<ALWAYS> {
    const TRAITS: Traits = Traits {
        promise: if ALWAYS {
            Promise::AtLeastOnce
        } else {
            Promise::AtMostOnce
        },
        edits: true,
        deletes: false,
        threads: true,
        rooms: true,
        feed: true,
        reactions: true,
        receipts: false,
    };

    async fn start() -> Self {
        let (platform, faults) = (Arc::new(TelegramDouble::new()), Arc::new(Faults::default()));
        platform.add_bot(TOKEN, "andy_bot");
        let ann = User::new(7, "Ann");
        platform.private(&ann);
        let room = platform.forum("Family");
        let topic = platform.topic(room, "Holidays", &ann);
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        Self {
            platform,
            running,
            faults,
            ann,
            room,
            topic,
            last: Mutex::default(),
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        Arc::new(TelegramChannel::configured(&self.config(), deps).unwrap().unwrap())
    }

    fn platform(&self) -> &RunningPlatform {
        &self.running
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn send_path(&self) -> &'static str {
        "/sendMessage"
    }

    fn room(&self) -> ChatId {
        Place::chat(self.room).id()
    }

    fn direct(&self) -> ChatId {
        Place::chat(self.ann.id).id()
    }

    fn thread(&self) -> Option<ChatId> {
        let (chat, thread) = (self.room, Some(self.topic));
        Some(Place { chat, thread }.id())
    }

    fn more_chats(&self, count: usize) -> Vec<ChatId> {
        (0..count)
            .map(|n| Place::chat(self.platform.group(&format!("Group {n}"))).id())
            .collect()
    }

    async fn act(&self, act: Act<'_>) {
        match act {
            Act::Say(text) => self.post(self.room, &Post::text(text)),
            Act::Mention(text) => self.post(self.room, &Post::text(&format!("@Andy_Bot {text}"))),
            Act::Direct(text) => self.post(self.ann.id, &Post::text(text)),
            Act::InThread(text) => self.post(self.room, &Post::text(text).topic(self.topic)),
            Act::Edit(text) => {
                let (chat, id) = *self.last.lock().unwrap();
                self.platform.edit(chat, id, text);
            }
            Act::Attach(name, content) => {
                let file = Post::file("document", Some(name), Some("text/plain"), content.to_vec());
                self.post(self.room, &file.caption("@andy_bot look"));
            }
            Act::Repeat => self.platform.repeat_update(TOKEN),
            Act::Swapped(first, second) => self.platform.say_swapped(self.ann.id, &self.ann, [first, second]),
            // Bots are not told of deletions; what a poll did not fetch, the next one does.
            Act::Delete | Act::Redeliver => {}
        }
    }

    fn read(&self, chat: &ChatId) -> Vec<Read> {
        let place = Place::parse(chat).unwrap();
        let sent = self
            .platform
            .sent(place.chat)
            .into_iter()
            .filter(|sent| sent.thread == place.thread);
        sent.map(|sent| Read {
            text: sent.text,
            file: sent.file.map(|file| file.content.to_vec()),
        })
        .collect()
    }

    fn reactions(&self) -> Vec<String> {
        self.platform
            .reactions(self.room)
            .into_iter()
            .filter_map(|(_, emoji)| emoji)
            .collect()
    }

    fn revoke(&self, revoked: bool) {
        self.platform.revoke(TOKEN, revoked);
    }
}
