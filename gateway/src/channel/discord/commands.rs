//! Slash commands: registered once per process, acknowledged when used.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use super::Discord;
use super::api::said;
use super::model::{Identified, Interaction};
use crate::rest::Exchange;

/// The control commands, and what their menu says.
const COMMANDS: [(&str, &str); 6] = [
    ("new", "Begin a new conversation"),
    ("stop", "Stop what the assistant is doing"),
    ("status", "How the assistant is"),
    ("compact", "Shorten the conversation so far"),
    ("cost", "What this conversation has cost"),
    (
        "pair",
        "Ask to have the assistant in this chat, or decide about who asked",
    ),
];
/// What the person who used a command reads, and nobody else; the answer itself comes as a message.
const TAKEN: &str = "Got it.";
/// Flag of a message that only one person sees.
const EPHEMERAL: u64 = 1 << 6;

/// Whether the commands were registered.
#[derive(Debug, Default)]
pub(super) struct Registration(AtomicBool);

impl Discord {
    /// Registers the commands, which replaces the ones there are. Without them the same texts can be typed, so a failure is
    /// told and the next connection tries again.
    pub(super) async fn register_commands(&self) {
        if self.registration.0.load(Ordering::Relaxed) {
            return;
        }
        match self.put_commands().await {
            Ok(()) => self.registration.0.store(true, Ordering::Relaxed),
            Err(reason) => tracing::warn!(reason, "Discord's slash commands could not be registered yet"),
        }
    }

    async fn put_commands(&self) -> Result<(), String> {
        let own = self
            .api
            .get::<Identified>("GET applications/@me", "applications/@me")
            .await;
        let application = own.map_err(|error| format!("{error:?}"))?.id;
        let path = format!("applications/{application}/commands");
        let list: Vec<Value> = COMMANDS.iter().map(command).collect();
        let request = self.api.request(Method::PUT, &path).json(&list);
        match self.api.call("PUT applications/:id/commands", request).await {
            Exchange::Answered(answered) if answered.status.is_success() => Ok(()),
            Exchange::Answered(answered) => Err(said(&answered)),
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(reason),
        }
    }

    /// Tells Discord that a command was heard. When that fails, its user is told so by Discord, and the command goes on.
    pub(super) async fn acknowledge(&self, interaction: &Interaction) {
        let path = format!("interactions/{}/{}/callback", interaction.id, interaction.token);
        let body = json!({ "type": 4, "data": { "content": TAKEN, "flags": EPHEMERAL } });
        let request = self.api.request(Method::POST, &path).json(&body);
        if let Exchange::NotSent { reason } | Exchange::Lost { reason } =
            self.api.call("POST interactions/callback", request).await
        {
            tracing::warn!(reason, "a slash command could not be acknowledged");
        }
    }
}

fn command((name, description): &(&str, &str)) -> Value {
    // 1: typed with a slash. 0: in servers; 1: in direct messages with the bot. 3: a text.
    let mut command = json!({ "name": name, "description": description, "type": 1, "contexts": [0, 1] });
    if *name == "pair" {
        let words = "list, approve CODE, approve CODE GROUP or reject CODE; nothing asks for a code";
        command["options"] = json!([{ "name": "words", "description": words, "type": 3, "required": false }]);
    }
    command
}
