//! Discord, whose gateway allows a new session every five seconds.

use std::sync::Arc;

use async_trait::async_trait;
use doubles::discord::Discord;
use doubles::platform::{Faults, RunningPlatform, start};

use super::Peer;

pub(super) struct DiscordPeer {
    discord: Discord,
    running: RunningPlatform,
    ada: u64,
    channel: u64,
}

impl DiscordPeer {
    pub(super) async fn start() -> Self {
        let discord = Discord::new("clawhold");
        let guild = discord.add_guild("Workshop");
        let running = start(Arc::new(discord.clone()), Arc::new(Faults::default()))
            .await
            .unwrap();
        Self {
            running,
            ada: discord.add_user("Ada"),
            channel: discord.add_channel(guild, "general"),
            discord,
        }
    }
}

#[async_trait]
impl Peer for DiscordPeer {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn settings(&self) -> String {
        format!(
            "[channels.discord]\nbot_token = \"{}\"\nbase_url = \"{}/api/v10\"\nallow_unofficial_host = true\n",
            self.discord.token(),
            self.running.url()
        )
    }

    fn chat(&self) -> String {
        format!("dc:{}", self.channel)
    }

    fn say(&self, text: &str) {
        self.discord.say(self.channel, self.ada, text);
    }
}
