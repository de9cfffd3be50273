//! Slack as a subject of the conformance suite.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use doubles::platform::{Fault, Faults, RunningPlatform, start};
use doubles::slack::{APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Said, Slack as Platform};
use proto::ids::ChatId;
use service::config::Secret;
use tokio::task::JoinSet;

use super::super::Slack as Adapter;
use super::super::place::Place;
use crate::channel::conformance::{Act, Promise, Read, Subject, Traits};
use crate::channel::{Channel, ChannelDeps};
use crate::config;

/// Slack; `SOCKET`: events come by Socket Mode, else by the Events API.
pub(super) struct Slack<const SOCKET: bool> {
    pub(super) platform: Platform,
    pub(super) running: RunningPlatform,
    pub(super) faults: Arc<Faults>,
    pub(super) ann: String,
    pub(super) room: String,
    /// The first message of the thread.
    pub(super) thread: String,
    /// Channel and timestamp of the last message.
    last: Mutex<(String, String)>,
    delivering: Mutex<JoinSet<()>>,
}

impl<const SOCKET: bool> Slack<SOCKET> {
    pub(super) fn config(&self) -> config::Slack {
        config::Slack {
            bot_token: Some(Secret::new(BOT_TOKEN)),
            app_token: SOCKET.then(|| Secret::new(APP_TOKEN)),
            signing_secret: (!SOCKET).then(|| Secret::new(SIGNING_SECRET)),
            base_url: Some(format!("{}/api", self.running.url())),
            allow_unofficial_host: true,
            ..config::Slack::default()
        }
    }

    /// So many people have written to us before, and Slack takes too long to say who they are.
    pub(super) fn slow_names(&self, count: usize) {
        for n in 0..count {
            self.platform.dm(&self.platform.add_user(&format!("Person {n}")));
            self.faults.next("/users.info", Fault::Slow(Duration::from_secs(5)));
        }
    }

    fn post(&self, channel: &str, said: Said) {
        let ts = self.platform.post(channel, &self.ann, said);
        *self.last.lock().unwrap() = (channel.to_owned(), ts);
    }

    fn say(&self, channel: &str, text: &str) {
        let text = text.to_owned();
        let said = Said {
            text,
            ..Said::default()
        };
        self.post(channel, said);
    }
}

#[async_trait]
impl<const SOCKET: bool> Subject for Slack<SOCKET> {
    const TRAITS: Traits = Traits {
        promise: Promise::Reconciled {
            uncertain_share_max: 0.001,
        },
        edits: true,
        deletes: true,
        threads: true,
        rooms: true,
        feed: SOCKET,
        reactions: true,
        receipts: false,
    };

    async fn start() -> Self {
        let (platform, faults) = (Platform::new("Andy"), Arc::new(Faults::default()));
        platform.set_retries(Duration::from_secs(3), &[Duration::from_millis(20); 200]);
        let ann = platform.add_user("Ann");
        let room = platform.add_channel("family");
        platform.dm(&ann);
        let running = start(Arc::new(platform.clone()), Arc::clone(&faults)).await.unwrap();
        let thread = platform.say(&room, &ann, "a thread begins");
        // It was there before anybody listened.
        platform.forget_events();
        Self {
            platform,
            running,
            faults,
            ann,
            room,
            thread,
            last: Mutex::default(),
            delivering: Mutex::default(),
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        Arc::new(Adapter::configured(&self.config(), deps).unwrap().unwrap())
    }

    fn platform(&self) -> &RunningPlatform {
        &self.running
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn send_path(&self) -> &'static str {
        "/chat.postMessage"
    }

    fn room(&self) -> ChatId {
        Place::channel(&self.room).id()
    }

    fn direct(&self) -> ChatId {
        Place::channel(&self.platform.dm(&self.ann)).id()
    }

    fn thread(&self) -> Option<ChatId> {
        let (channel, thread) = (self.room.clone(), Some(self.thread.clone()));
        Some(Place { channel, thread }.id())
    }

    fn more_chats(&self, count: usize) -> Vec<ChatId> {
        let channel = |n| Place::channel(&self.platform.add_channel(&format!("channel-{n}"))).id();
        (0..count).map(channel).collect()
    }

    /// Of several gateways behind one address, Slack reaches the newest one.
    async fn listen(&self, base_url: &str) {
        if SOCKET {
            return;
        }
        let (platform, url) = (self.platform.clone(), format!("{base_url}/slack/events"));
        let mut delivering = JoinSet::new();
        delivering.spawn(async move { platform.deliver_events_to(&url).await });
        *self.delivering.lock().unwrap() = delivering;
    }

    async fn act(&self, act: Act<'_>) {
        let direct = self.platform.dm(&self.ann);
        let mention = |text: &str| format!("<@{}> {text}", self.platform.bot());
        match act {
            Act::Say(text) => self.say(&self.room, text),
            Act::Mention(text) => self.say(&self.room, &mention(text)),
            Act::Direct(text) => self.say(&direct, text),
            Act::InThread(text) => self.post(
                &self.room,
                Said {
                    text: text.to_owned(),
                    thread: Some(self.thread.clone()),
                    ..Said::default()
                },
            ),
            Act::Edit(text) => {
                let (channel, ts) = self.last.lock().unwrap().clone();
                self.platform.edit(&channel, &ts, text);
            }
            Act::Delete => {
                let (channel, ts) = self.last.lock().unwrap().clone();
                self.platform.delete(&channel, &ts);
            }
            Act::Attach(name, content) => {
                let file = (
                    name.to_owned(),
                    "text/plain".to_owned(),
                    Bytes::copy_from_slice(content),
                );
                self.post(
                    &self.room,
                    Said {
                        text: mention("look"),
                        files: vec![file],
                        ..Said::default()
                    },
                );
            }
            Act::Repeat => {
                let (channel, ts) = self.last.lock().unwrap().clone();
                self.platform.repeat_event(&channel, &ts);
            }
            Act::Swapped(first, second) => self.platform.say_swapped(&direct, &self.ann, [first, second]),
            // What was not acknowledged comes again by itself.
            Act::Redeliver => {}
        }
    }

    fn read(&self, chat: &ChatId) -> Vec<Read> {
        let place = Place::parse(chat).unwrap();
        let sent = self.platform.messages(&place.channel).into_iter();
        let here = sent.filter(|sent| sent.thread == place.thread);
        here.map(|sent| Read {
            text: plain(&sent.text),
            file: sent.files.first().map(|(_, content)| content.to_vec()),
        })
        .collect()
    }

    fn reactions(&self) -> Vec<String> {
        let (channel, ts) = self.last.lock().unwrap().clone();
        self.platform.reactions(&channel, &ts)
    }

    fn revoke(&self, revoked: bool) {
        if revoked {
            self.platform.revoke_token();
        } else {
            self.platform.restore_token();
        }
    }
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
