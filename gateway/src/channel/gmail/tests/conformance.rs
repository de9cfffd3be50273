//! Gmail as a subject of the conformance suite: one correspondent, whose threads are chats.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use doubles::gmail::{Delivered, GmailDouble, Mail};
use doubles::platform::{Faults, RunningPlatform, start};
use proto::ids::{ChatId, GroupId};

use super::super::send::thread_of;
use super::super::{CHANNEL, Gmail};
use super::subject::ANDY;
use crate::channel::conformance::{Act, Promise, Read, Subject, Traits, channel_conformance};
use crate::channel::{Channel, ChannelDeps};
use crate::config::{self, GmailDelivery};

channel_conformance!(Mailbox);

struct Mailbox {
    platform: Arc<GmailDouble>,
    running: RunningPlatform,
    faults: Arc<Faults>,
    directory: tempfile::TempDir,
    /// The thread with Ann, and another one.
    direct: Delivered,
    other: Delivered,
    /// The last mail.
    last: Mutex<String>,
}

impl Mailbox {
    fn write(&self, thread: &Delivered, mail: &Mail) {
        let answering = mail.clone().header("In-Reply-To", &format!("<{}>", thread.message_id));
        *self.last.lock().unwrap() = self.platform.deliver(&answering).id;
    }

    fn say(&self, thread: &Delivered, text: &str) {
        self.write(thread, &Mail::new("Ann <ann@example.org>", "Re: Hello", text));
    }
}

/// A thread that was there before the mailbox was connected.
fn begun(platform: &GmailDouble, subject: &str) -> Delivered {
    platform.deliver_as(
        &Mail::new("Ann <ann@example.org>", subject, "Hello"),
        &["CATEGORY_PERSONAL"],
    )
}

fn chat(thread: &str) -> ChatId {
    ChatId::new(format!("{CHANNEL}:{thread}"))
}

#[async_trait]
impl Subject for Mailbox {
    const TRAITS: Traits = Traits {
        promise: Promise::Reconciled {
            uncertain_share_max: 0.001,
        },
        edits: false,
        deletes: false,
        threads: true,
        rooms: false,
        feed: true,
        reactions: false,
        receipts: false,
    };

    async fn start() -> Self {
        let platform = Arc::new(GmailDouble::new(ANDY));
        let faults = Arc::new(Faults::default());
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("keys.json"), platform.keys_json()).unwrap();
        std::fs::write(directory.path().join("credentials.json"), platform.credentials_json()).unwrap();
        Self {
            direct: begun(&platform, "Hello"),
            other: begun(&platform, "Something else"),
            platform,
            running,
            faults,
            directory,
            last: Mutex::default(),
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let settings = config::Gmail {
            keys_file: self.directory.path().join("keys.json"),
            credentials_file: self.directory.path().join("credentials.json"),
            deliver_to: GmailDelivery::Threads,
            group: Some(GroupId::parse("family").unwrap()),
            poll_interval_ms: 100,
            // The stand-in executes what it executes at once.
            search_lag_ms: 100,
            api_url: self.running.url(),
            accounts_url: self.running.url(),
            oauth_url: self.running.url(),
            allow_unofficial_host: true,
            ..config::Gmail::default()
        };
        Arc::new(Gmail::new(&settings, deps).unwrap())
    }

    fn platform(&self) -> &RunningPlatform {
        &self.running
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn send_path(&self) -> &'static str {
        "/messages/send"
    }

    fn room(&self) -> ChatId {
        chat(&self.direct.thread)
    }

    fn direct(&self) -> ChatId {
        self.room()
    }

    fn thread(&self) -> Option<ChatId> {
        Some(chat(&self.other.thread))
    }

    fn more_chats(&self, count: usize) -> Vec<ChatId> {
        let more = (0..count).map(|n| begun(&self.platform, &format!("Thread {n}")));
        more.map(|begun| chat(&begun.thread)).collect()
    }

    async fn act(&self, act: Act<'_>) {
        match act {
            Act::Say(text) | Act::Mention(text) | Act::Direct(text) => self.say(&self.direct, text),
            Act::InThread(text) => self.say(&self.other, text),
            Act::Attach(name, content) => {
                let mail = Mail::new("Ann <ann@example.org>", "Re: Hello", "look");
                self.write(&self.direct, &mail.file(name, "text/plain", content));
            }
            Act::Repeat => self.platform.repeat(&self.last.lock().unwrap()),
            Act::Swapped(first, second) => {
                self.say(&self.direct, second);
                self.say(&self.direct, first);
            }
            // A mail is not changed; what was not read is read by the next look.
            Act::Edit(_) | Act::Delete | Act::Redeliver => {}
        }
    }

    fn read(&self, chat: &ChatId) -> Vec<Read> {
        let thread = thread_of(chat).unwrap();
        let sent = self.platform.sent().into_iter().filter(|mail| mail.thread == thread);
        sent.map(|mail| Read {
            text: mail.text().trim().replace("\r\n", "\n"),
            file: mail.files().into_iter().next().map(|(_, content)| content),
        })
        .collect()
    }

    fn revoke(&self, revoked: bool) {
        match revoked {
            true => self.platform.revoke_token(),
            false => self.platform.restore_token(),
        }
    }
}
