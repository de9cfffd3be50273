//! One installation with one account: rows, a stand-in, the adapter between, and the webhooks of both.

use std::sync::Arc;

use blobs::directory::DirectoryStore;
use bus::Hints;
use bus::local::{LocalHints, LocalIngress};
use doubles::platform::Mix;
use gateway::Metrics;
use gateway::channel::{Channel, ChannelDeps, Inbound};
use gateway::command::Commands;
use gateway::delivery::Tools;
use gateway::directory::Directory;
use gateway::files::Files;
use gateway::intake::{AllowlistFile, Attachments, Intake};
use prometheus_client::registry::Registry;
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::outbound::Reply;
use proto::sender_allowlist::OnInvalid;
use proto::time::Clock as _;
use service::ids::RandomIds;
use store::Store;
use store::sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::clock::FastClock;
use super::count::Count;

pub(super) struct World<P> {
    pub(super) peer: P,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<FastClock>,
    pub(super) tools: Tools,
    chats: Vec<ChatId>,
    directory: TempDir,
    serving: JoinSet<()>,
}

impl<P: Peer> World<P> {
    /// An installation over this peer, with the messages in its outbox.
    pub(super) async fn start(peer: P, chats: usize, sends: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(FastClock::default());
        let rows = SqliteStore::open(&directory.path().join("clawhold.db"), clock.now()).unwrap();
        let store: Arc<dyn Store> = Arc::new(rows);
        let hints: Arc<dyn Hints> = Arc::new(LocalHints::new());
        let tools = Tools {
            store: store.clone(),
            ingress: Arc::new(LocalIngress::new(store.clone(), hints.clone(), clock.clone())),
            hints,
            clock: clock.clone(),
            random: || 0.5,
            metrics: Metrics::register(&mut Registry::default()),
        };
        let channel = peer.channel(&ChannelDeps {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            random: || 0.5,
            hints: tools.hints.clone(),
            store: store.clone(),
            files: files(&directory),
            assistant_name: "Andy".to_owned(),
        });
        let mut world = Self {
            chats: peer.chats(chats),
            peer,
            channel,
            store,
            clock,
            tools,
            directory,
            serving: JoinSet::new(),
        };
        world.fill(sends).await;
        world.serve().await;
        world
    }

    /// From now on the platform is hostile.
    pub(super) fn break_loose(&self, seed: u64) {
        self.peer.faults().mix(seed, Mix::HOSTILE);
    }

    /// What became of the messages.
    pub(super) async fn count(&self, count: &mut Count) {
        for chat in &self.chats {
            let rows = self.store.deliveries_after(chat, 0, u32::MAX).await.unwrap();
            count.add(&rows, self.peer.texts(chat));
        }
    }

    /// Registers the chats and puts the messages into the outbox.
    async fn fill(&self, sends: usize) {
        let group = Group {
            id: GroupId::parse("bench").unwrap(),
            name: "bench".to_owned(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: self.clock.now(),
        };
        self.store.put_group(&group).await.unwrap();
        let filling = self.chats.iter().enumerate().map(|(index, chat)| {
            let id = &group.id;
            async move {
                let seen = ChatSeen {
                    id: chat.clone(),
                    channel: self.channel.name().to_owned(),
                    account: self.channel.account().to_owned(),
                    name: None,
                    is_group_chat: Some(true),
                    parent: None,
                    seen_at: self.clock.now(),
                };
                self.store.see_chat(&seen).await.unwrap();
                self.store.register_chat(chat, Some(id)).await.unwrap();
                for number in (index..sends).step_by(self.chats.len()) {
                    self.say(chat, number).await;
                }
            }
        });
        futures::future::join_all(filling).await;
    }

    async fn say(&self, chat: &ChatId, number: usize) {
        let id = OutboxId::fresh(&RandomIds);
        let reply = Reply {
            key: String::new(),
            chat: chat.clone(),
            text: format!("message number {number}"),
            sender: None,
            extra: None,
        };
        let now = self.clock.now();
        self.store.put_notice(&id.to_string(), &reply, id, now).await.unwrap();
    }

    /// Serves what the platform calls.
    async fn serve(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inbound = Inbound::new(Arc::new(self.intake()), self.channel.clone());
        let routes = self.channel.clone().routes(inbound);
        self.serving
            .spawn(async move { axum::serve(listener, routes).await.unwrap() });
        self.peer.listen(&url).await;
    }

    fn intake(&self) -> Intake {
        let directory = Arc::new(Directory::new(self.store.clone(), self.clock.clone()));
        let commands = Commands {
            store: self.store.clone(),
            hints: self.tools.hints.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(RandomIds),
            directory: directory.clone(),
            admins: Vec::new(),
            zone: chrono_tz::Tz::UTC,
        };
        Intake::new(
            directory,
            self.tools.ingress.clone(),
            AllowlistFile::new(self.directory.path().join("allow.json"), OnInvalid::AllowEverybody),
            "Andy".to_owned(),
            commands,
            self.tools.metrics.clone(),
            Attachments::new(files(&self.directory), self.clock.clone()),
            CancellationToken::new(),
        )
    }
}

fn files(directory: &TempDir) -> Files {
    Files::new(Arc::new(DirectoryStore::new(directory.path().join("blobs"))))
}
