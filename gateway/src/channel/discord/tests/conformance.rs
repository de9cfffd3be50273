//! The suite of all channels, over Discord's stand-in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use doubles::discord::{Discord as Platform, RateLimits, Said};
use doubles::platform::{Faults, RunningPlatform, start};
use proto::ids::ChatId;

use super::super::{Discord, places};
use crate::channel::conformance::{Act, Promise, Read, Subject, Traits, channel_conformance};
use crate::channel::{Channel, ChannelDeps};
use crate::config;

struct OnDiscord {
    platform: Platform,
    running: RunningPlatform,
    faults: Arc<Faults>,
    guild: u64,
    room: u64,
    thread: u64,
    ada: u64,
    /// Channel and id of what was said last.
    last: Mutex<(u64, u64)>,
}

impl OnDiscord {
    fn say(&self, channel: u64, text: &str) {
        *self.last.lock().unwrap() = (channel, self.platform.say(channel, self.ada, text));
    }

    fn mention(&self, text: &str) -> String {
        format!("<@{}> {text}", self.platform.bot())
    }
}

#[async_trait]
impl Subject for OnDiscord {
    const TRAITS: Traits = Traits {
        promise: Promise::Exact,
        edits: true,
        deletes: true,
        threads: true,
        rooms: true,
        feed: true,
        reactions: true,
        receipts: false,
    };

    async fn start() -> Self {
        let platform = Platform::new("clawhold");
        // Limits and the pace of sessions have tests of their own; here they would only take time.
        platform.set_rate_limits(RateLimits::none());
        platform.set_identify_pause(Duration::ZERO);
        let guild = platform.add_guild("Workshop");
        let room = platform.add_channel(guild, "general");
        let faults = Arc::new(Faults::default());
        Self {
            running: start(Arc::new(platform.clone()), Arc::clone(&faults)).await.unwrap(),
            faults,
            guild,
            room,
            thread: platform.add_thread(room, "aside"),
            ada: platform.add_user("Ada"),
            last: Mutex::default(),
            platform,
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let settings = config::Discord {
            base_url: Some(format!("{}/api/v10", self.running.url())),
            allow_unofficial_host: true,
            ..config::Discord::default()
        };
        Arc::new(Discord::new(&settings, &self.platform.token(), deps).unwrap())
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
        ChatId::new(format!("dc:{}", self.room))
    }

    fn direct(&self) -> ChatId {
        ChatId::new(format!("dc:{}", self.platform.dm(self.ada)))
    }

    fn thread(&self) -> Option<ChatId> {
        Some(ChatId::new(format!("dc:{}/{}", self.room, self.thread)))
    }

    fn more_chats(&self, count: usize) -> Vec<ChatId> {
        let channels = (0..count).map(|n| self.platform.add_channel(self.guild, &format!("room-{n}")));
        channels.map(|channel| ChatId::new(format!("dc:{channel}"))).collect()
    }

    async fn act(&self, act: Act<'_>) {
        let direct = self.platform.dm(self.ada);
        let (channel, last) = *self.last.lock().unwrap();
        match act {
            Act::Say(text) => self.say(self.room, text),
            Act::Mention(text) => self.say(self.room, &self.mention(text)),
            Act::Direct(text) => self.say(direct, text),
            Act::InThread(text) => self.say(self.thread, &self.mention(text)),
            Act::Edit(text) => self.platform.edit(channel, last, text),
            Act::Delete => self.platform.delete(channel, last),
            Act::Attach(name, content) => {
                let file = (
                    name.to_owned(),
                    "text/plain".to_owned(),
                    Bytes::copy_from_slice(content),
                );
                let said = Said {
                    text: self.mention("see"),
                    files: vec![file],
                    ..Said::default()
                };
                self.platform.post(self.room, self.ada, said);
            }
            Act::Repeat => self.platform.tell_again(),
            Act::Swapped(first, second) => self.platform.say_swapped(direct, self.ada, first, second),
            Act::Redeliver => {}
        }
    }

    fn read(&self, chat: &ChatId) -> Vec<Read> {
        let channel = places::channel_of(chat).unwrap();
        let sent = self.platform.messages(channel.0).into_iter();
        sent.map(|sent| Read {
            file: sent.files.first().map(|(_, _, content)| content.to_vec()),
            text: sent.text,
        })
        .collect()
    }

    fn reactions(&self) -> Vec<String> {
        self.platform.all_reactions(self.room)
    }

    fn revoke(&self, revoked: bool) {
        match revoked {
            true => self.platform.revoke_token(),
            false => self.platform.restore_token(),
        }
    }
}

channel_conformance!(OnDiscord);
