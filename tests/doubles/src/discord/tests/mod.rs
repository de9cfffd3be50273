//! The stand-in, held against a client that is not ours: twilight, which refuses what it cannot read.

mod calls;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use reqwest::{Client, Method};
use serde_json::Value;
use twilight_gateway::{ConfigBuilder, Event, EventTypeFlags, Intents, Shard, ShardId, StreamExt as _};
use twilight_model::channel::Message;

use super::Discord;
use crate::platform::{Faults, RunningPlatform, start};

/// Far above what anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct Subject {
    discord: Discord,
    running: RunningPlatform,
    client: Client,
    guild: u64,
    channel: u64,
    ada: u64,
}

async fn subject() -> Subject {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let discord = Discord::new("clawhold");
    discord.set_identify_pause(Duration::ZERO);
    let guild = discord.add_guild("Workshop");
    let channel = discord.add_channel(guild, "general");
    let ada = discord.add_user("Ada");
    let running = start(Arc::new(discord.clone()), Arc::new(Faults::default()));
    Subject {
        running: running.await.unwrap(),
        client: Client::builder()
            .user_agent("DiscordBot (https://example.org, 1)")
            .build()
            .unwrap(),
        discord,
        guild,
        channel,
        ada,
    }
}

impl Subject {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("{}/api/v10/{path}", self.running.url());
        let request = self
            .client
            .request(method, url)
            .header("authorization", format!("Bot {}", self.discord.token()));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn send(&self, body: Value) -> (StatusCode, Value) {
        let path = format!("channels/{}/messages", self.channel);
        self.call(Method::POST, &path, Some(body)).await
    }

    fn config(&self) -> ConfigBuilder {
        self.config_with(
            &self.discord.token(),
            Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::DIRECT_MESSAGES | Intents::MESSAGE_CONTENT,
        )
    }

    fn config_with(&self, token: &str, intents: Intents) -> ConfigBuilder {
        ConfigBuilder::new(token.to_owned(), intents).proxy_url(self.running.socket_url())
    }
}

fn shard(config: ConfigBuilder) -> Shard {
    Shard::with_config(ShardId::ONE, config.build())
}

/// The next event that `pick` takes. An event that twilight cannot read fails the test.
async fn heard<T>(shard: &mut Shard, pick: impl Fn(Event) -> Option<T>) -> T {
    let picked = async {
        loop {
            let event = shard.next_event(EventTypeFlags::all()).await;
            if let Some(picked) = pick(event.expect("the shard goes on").expect("a readable event")) {
                return picked;
            }
        }
    };
    tokio::time::timeout(LONG, picked).await.expect("the event comes")
}

async fn message(shard: &mut Shard) -> Message {
    heard(shard, |event| match event {
        Event::MessageCreate(created) => Some(created.message),
        _ => None,
    })
    .await
}

async fn text(shard: &mut Shard) -> String {
    message(shard).await.content
}

async fn ready(shard: &mut Shard) {
    heard(shard, |event| matches!(event, Event::Ready(_)).then_some(())).await;
}

async fn resumed(shard: &mut Shard) {
    heard(shard, |event| matches!(event, Event::Resumed).then_some(())).await;
}

async fn closed(shard: &mut Shard) -> u16 {
    heard(shard, |event| match event {
        Event::GatewayClose(frame) => frame.map(|frame| frame.code),
        _ => None,
    })
    .await
}
