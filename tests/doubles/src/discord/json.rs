//! How Discord writes its objects: version 10 of the API.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::ids::minted_ms;
use super::state::{Channel, ChannelKind, File, Guild, Message, State, User};

/// How long the link to a file is good.
pub(super) const LINK_TTL_MS: u64 = 24 * 3_600 * 1_000;
/// Flag of a message that only one user sees.
pub(super) const EPHEMERAL: u64 = 1 << 6;

pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "username": user.name,
        "global_name": user.display_name,
        "discriminator": if user.is_bot { "4257" } else { "0" },
        "avatar": null,
        "bot": user.is_bot,
        "public_flags": 0,
    })
}

pub(super) fn bot_user(bot: &User) -> Value {
    let mut value = user(bot);
    value["mfa_enabled"] = true.into();
    value["verified"] = true.into();
    value["email"] = Value::Null;
    value["flags"] = 0.into();
    value
}

pub(super) fn channel(channel: &Channel) -> Value {
    let mut value = json!({
        "id": channel.id.to_string(),
        "last_message_id": channel.last_message.map(|id| id.to_string()),
        "flags": 0,
    });
    value["type"] = channel_type(channel.kind).into();
    match channel.kind {
        ChannelKind::Dm { .. } => {}
        ChannelKind::Text | ChannelKind::Voice => {
            value["position"] = 0.into();
            value["permission_overwrites"] = json!([]);
            value["nsfw"] = false.into();
            value["topic"] = Value::Null;
            value["parent_id"] = Value::Null;
            value["rate_limit_per_user"] = 0.into();
        }
        ChannelKind::Thread { parent } => {
            value["parent_id"] = parent.to_string().into();
            value["owner_id"] = parent.to_string().into();
            value["message_count"] = channel.messages.len().into();
            value["member_count"] = 1.into();
            value["thread_metadata"] = json!({
                "archived": false,
                "auto_archive_duration": 1440,
                "archive_timestamp": timestamp(minted_ms(channel.id)),
                "locked": false,
            });
        }
    }
    if let Some(guild) = channel.guild {
        value["guild_id"] = guild.to_string().into();
        value["name"] = channel.name.clone().into();
    }
    value
}

fn channel_type(kind: ChannelKind) -> u8 {
    match kind {
        ChannelKind::Text => 0,
        ChannelKind::Dm { .. } => 1,
        ChannelKind::Voice => 2,
        ChannelKind::Thread { .. } => 11,
    }
}

/// A channel as its own endpoint answers it: a DM names the other side.
pub(super) fn whole_channel(state: &State, id: u64) -> Value {
    let mut value = channel(&state.channels[&id]);
    if let ChannelKind::Dm { with } = state.channels[&id].kind {
        value["recipients"] = json!([user(&state.users[&with])]);
    }
    value
}

pub(super) fn guild(guild: &Guild) -> Value {
    json!({
        "id": guild.id.to_string(),
        "name": guild.name,
        "owner_id": guild.id.to_string(),
        "icon": null,
        "splash": null,
        "discovery_splash": null,
        "banner": null,
        "description": null,
        "afk_channel_id": null,
        "afk_timeout": 300,
        "widget_enabled": false,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_progress_bar_enabled": false,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "system_channel_id": null,
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "public_updates_channel_id": null,
        "safety_alerts_channel_id": null,
        "application_id": null,
        "vanity_url_code": null,
        "features": [],
        "roles": [],
        "emojis": [],
        "stickers": [],
    })
}

/// A guild as `GUILD_CREATE` tells it: with the channels and threads the bot may see.
pub(super) fn whole_guild(state: &State, id: u64) -> Value {
    let mut value = guild(&state.guilds[&id]);
    let own = state
        .channels
        .values()
        .filter(|channel| channel.guild == Some(id) && !channel.is_hidden);
    let (threads, channels): (Vec<&Channel>, _) =
        own.partition(|channel| matches!(channel.kind, ChannelKind::Thread { .. }));
    value["channels"] = channels.into_iter().map(channel).collect();
    value["threads"] = threads.into_iter().map(channel).collect();
    value["joined_at"] = timestamp(minted_ms(id)).into();
    value["large"] = false.into();
    value["unavailable"] = false.into();
    value["member_count"] = state.users.len().into();
    value["members"] = json!([member(state, id, state.bot, true)]);
    for empty in [
        "voice_states",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ] {
        value[empty] = json!([]);
    }
    value
}

pub(super) fn member(state: &State, guild: u64, id: u64, with_user: bool) -> Value {
    let nick = state.guilds.get(&guild).and_then(|guild| guild.nicks.get(&id));
    let mut value = json!({
        "nick": nick,
        "roles": [],
        "avatar": null,
        "joined_at": timestamp(minted_ms(guild)),
        "premium_since": null,
        "communication_disabled_until": null,
        "deaf": false,
        "mute": false,
        "pending": false,
        "flags": 0,
    });
    if with_user {
        value["user"] = user(&state.users[&id]);
    }
    value
}

pub(super) fn message(state: &State, message: &Message) -> Value {
    let mut value = bare_message(state, message);
    if let Some(to) = message.reply_to {
        let referenced = state.channels[&message.channel].messages.get(&to);
        value["type"] = 19.into();
        value["message_reference"] = json!({
            "type": 0,
            "channel_id": message.channel.to_string(),
            "message_id": to.to_string(),
            "guild_id": state.channels[&message.channel].guild.map(|guild| guild.to_string()),
        });
        value["referenced_message"] = referenced.map_or(Value::Null, |to| bare_message(state, to));
    }
    if message.is_garbled {
        value["author"] = Value::Null;
    }
    value
}

fn bare_message(state: &State, message: &Message) -> Value {
    let mentions: Vec<Value> = message.mentions.iter().map(|id| user(&state.users[id])).collect();
    let files = message.files.iter().filter_map(|id| state.files.get(id));
    let mut value = json!({
        "id": message.id.to_string(),
        "type": 0,
        "channel_id": message.channel.to_string(),
        "author": user(&state.users[&message.author]),
        "content": message.content,
        "timestamp": timestamp(minted_ms(message.id)),
        "edited_timestamp": message.edited_ms.map(timestamp),
        "mentions": mentions,
        "mention_roles": [],
        "mention_everyone": message.mentions_everyone,
        "attachments": files.map(|file| attachment(state, file)).collect::<Vec<_>>(),
        "embeds": [],
        "components": [],
        "pinned": false,
        "tts": false,
        "flags": 0,
    });
    if let Some(nonce) = &message.nonce {
        value["nonce"] = nonce.clone();
    }
    let reactions = reactions(state, message);
    if !reactions.is_empty() {
        value["reactions"] = reactions.into();
    }
    value
}

fn reactions(state: &State, message: &Message) -> Vec<Value> {
    let mut names: Vec<&str> = message.reactions.iter().map(|(emoji, _)| emoji.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str, by: Option<u64>| {
        let of_name = message.reactions.iter().filter(|(emoji, _)| emoji == name);
        of_name.filter(|(_, user)| by.is_none_or(|by| by == *user)).count()
    };
    let written = names.into_iter().map(|name| {
        json!({
            "emoji": { "id": null, "name": name },
            "count": of(name, None),
            "count_details": { "burst": 0, "normal": of(name, None) },
            "me": of(name, Some(state.bot)) > 0,
            "me_burst": false,
            "burst_colors": [],
        })
    });
    written.collect()
}

fn attachment(state: &State, file: &File) -> Value {
    let expires = state.now_ms / 1_000 + LINK_TTL_MS / 1_000;
    let path = format!(
        "{}/attachments/{}/{}/{}",
        state.origin, file.channel, file.id, file.name
    );
    let url = format!("{path}?ex={expires:x}&is={:x}&hm=0", state.now_ms / 1_000);
    json!({
        "id": file.id.to_string(),
        "filename": file.name,
        "size": file.content.len(),
        "content_type": file.media_type,
        "url": url,
        "proxy_url": url,
    })
}

/// A message as an event tells it: in a guild with its id and the author's membership.
pub(super) fn message_event(state: &State, said: &Message) -> Value {
    let mut value = message(state, said);
    value["channel_type"] = channel_type(state.channels[&said.channel].kind).into();
    if let Some(guild) = state.channels[&said.channel].guild {
        value["guild_id"] = guild.to_string().into();
        value["member"] = member(state, guild, said.author, false);
    }
    value
}

/// What a session without the intent for content is told.
pub(super) fn without_content(message: &Value) -> Value {
    let mut value = message.clone();
    value["content"] = "".into();
    for list in ["attachments", "embeds", "components"] {
        value[list] = json!([]);
    }
    value
}

/// A nonce as the text it is compared by.
pub(super) fn nonce_text(nonce: &Value) -> Option<String> {
    match nonce {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn timestamp(ms: u64) -> String {
    let time = DateTime::from_timestamp_millis(i64::try_from(ms).unwrap_or(i64::MAX)).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}
