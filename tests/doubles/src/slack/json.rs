//! How Slack writes down what it knows.

use serde_json::{Value, json};

use super::ids;
use super::state::{Channel, File, Kind, Message, State};

/// A message as history shows it; events add the channel to it.
pub(super) fn message(state: &State, channel: &str, message: &Message, with_metadata: bool) -> Value {
    let mut value = json!({ "type": "message", "user": message.user, "text": message.text, "ts": message.ts(), "team": state.team });
    if let Some(subtype) = message.subtype {
        value["subtype"] = subtype.into();
    }
    match state
        .users
        .get(&message.user)
        .and_then(|user| user.bot_id.as_deref().zip(Some(user)))
    {
        Some((bot, user)) => {
            value["bot_id"] = bot.into();
            let app = if message.user == state.bot {
                state.app.as_str()
            } else {
                "A0OTHER"
            };
            value["app_id"] = app.into();
            value["bot_profile"] = json!({ "id": bot, "app_id": app, "name": user.real_name, "team_id": state.team });
        }
        None => value["client_msg_id"] = format!("00000000-0000-4000-8000-{:012x}", message.micros % (1 << 48)).into(),
    }
    if let Some(thread) = message.thread {
        value["thread_ts"] = ids::timestamp(thread).into();
    }
    let replies = replies(state, channel, message.micros);
    if let Some(latest) = replies.last() {
        value["thread_ts"] = message.ts().into();
        value["reply_count"] = replies.len().into();
        value["latest_reply"] = ids::timestamp(*latest).into();
    }
    if !message.files.is_empty() {
        let files = message.files.iter().filter_map(|id| state.files.get(id));
        value["files"] = files.map(|it| file(state, it)).collect();
        value["upload"] = false.into();
    }
    if let Some(edited) = message.edited {
        value["edited"] = json!({ "user": message.user, "ts": ids::timestamp(edited) });
    }
    if message.is_garbled {
        value["text"] = Value::Null;
    }
    if with_metadata && let Some(metadata) = &message.metadata {
        value["metadata"] = metadata.clone();
    }
    value
}

fn replies(state: &State, channel: &str, parent: u64) -> Vec<u64> {
    let Some(channel) = state.channels.get(channel) else {
        return Vec::new();
    };
    // Long channels are asked for often; who has no thread is found out by the messages after it alone.
    let later = channel.messages.range(parent + 1..);
    later
        .filter(|(_, message)| message.thread == Some(parent))
        .map(|(micros, _)| *micros)
        .collect()
}

pub(super) fn file(state: &State, file: &File) -> Value {
    let origin = &state.origin;
    let path = format!("files-pri/{}-{}", state.team, file.id);
    let name = &file.name;
    json!({
        "id": file.id,
        "name": name,
        "title": file.title,
        "mimetype": file.media_type,
        "filetype": name.rsplit_once('.').map_or("text", |(_, ending)| ending),
        "size": file.content.as_ref().map_or(0, bytes::Bytes::len),
        "user": file.user,
        "mode": "hosted",
        "is_external": false,
        "url_private": format!("http://{origin}/{path}/{name}"),
        "url_private_download": format!("http://{origin}/{path}/download/{name}"),
    })
}

pub(super) fn channel(state: &State, channel: &Channel) -> Value {
    let mut value = json!({
        "id": channel.id,
        "is_channel": channel.kind == Kind::Public,
        "is_group": false,
        "is_im": channel.kind == Kind::Direct,
        "is_mpim": false,
        "is_private": channel.kind != Kind::Public,
        "is_archived": channel.is_archived,
    });
    if channel.kind == Kind::Direct {
        value["user"] = channel.name.clone().into();
    } else {
        value["name"] = channel.name.clone().into();
        value["is_member"] = channel.members.contains(&state.bot).into();
    }
    value
}

/// The `channel_type` of events.
pub(super) fn channel_type(channel: &Channel) -> &'static str {
    match channel.kind {
        Kind::Public => "channel",
        Kind::Private => "group",
        Kind::Direct => "im",
    }
}
