//! One connection to the gateway. The protocol (heartbeats, identify, resume) is twilight's; here it is decided what its end
//! means.

use futures::StreamExt as _;
use reqwest::Url;
use serde::Deserialize;
use service::causes::with_causes;
use tokio::sync::mpsc;
use twilight_gateway::error::{ReceiveMessageError, ReceiveMessageErrorType};
use twilight_gateway::{CloseFrame, ConfigBuilder, Intents, Message, Session, Shard, ShardId};

use super::api::{Api, refused};
use super::position::Position;
use crate::channel::{Feed, ReceiveError};

/// DC-01.
const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::DIRECT_MESSAGES)
    .union(Intents::MESSAGE_CONTENT);
/// Events that wait to be taken while heartbeats go on: while the store is away for a minute, a busy server says less.
pub(super) const WAITING_MAX: usize = 512;

/// What the connection tells.
#[derive(Debug)]
pub(super) enum Told {
    /// An event of the session.
    Event(Dispatch),
    /// The session is over and cannot be resumed.
    SessionOver,
}

/// An event of the session.
#[derive(Debug, Deserialize)]
pub(super) struct Dispatch {
    #[serde(rename = "t")]
    pub(super) name: String,
    #[serde(rename = "s")]
    pub(super) sequence: u64,
    #[serde(rename = "d")]
    pub(super) data: serde_json::Value,
}

#[derive(Deserialize)]
struct Opcode {
    op: u8,
}

#[derive(Deserialize)]
struct InvalidSession {
    d: bool,
}

/// A connection that resumes the session of the position, or begins one.
pub(super) fn open(api: &Api, gateway_url: String, position: &Position) -> Result<Shard, ReceiveError> {
    if !is_gateway(api, &gateway_url) {
        return Err(ReceiveError::Failed(
            "Discord names a gateway that is not its own".to_owned(),
        ));
    }
    // This panics where no certificates are to be had; there no HTTP client could be made either, and the start was refused.
    let mut config = ConfigBuilder::new(api.token().to_owned(), INTENTS).proxy_url(gateway_url);
    if let Some(session) = &position.session {
        config = config.session(Session::new(session.sequence, session.id.clone()));
        if is_gateway(api, &session.url) {
            config = config.resume_url(session.url.clone());
        }
    }
    Ok(Shard::with_config(ShardId::ONE, config.build()))
}

/// The token goes nowhere but to Discord.
fn is_gateway(api: &Api, url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    match api.is_official() {
        true => url.scheme() == "wss" && (host == "discord.gg" || host.ends_with(".discord.gg")),
        false => host == api.host(),
    }
}

/// Reads the connection until it ends, and hands on what it says. Heartbeats go on while events wait to be taken.
pub(super) async fn read(shard: &mut Shard, told: mpsc::Sender<Told>, feed: &Feed) -> Result<(), ReceiveError> {
    let mut was_greeted = false;
    loop {
        let text = match shard.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref())),
            Some(Err(error)) => match failed(&error) {
                Some(error) => return Err(error),
                None => continue,
            },
            None => return Err(ReceiveError::Failed("Discord closed the connection".to_owned())),
        };
        feed.alive();
        let Ok(Opcode { op }) = serde_json::from_str(&text) else {
            continue;
        };
        match op {
            0 => match serde_json::from_str(&text) {
                Ok(event) => {
                    if told.send(Told::Event(event)).await.is_err() {
                        // Whoever takes the events has failed, and says why.
                        std::future::pending().await
                    }
                }
                Err(error) => tracing::warn!(%error, "an event of Discord's is not understood"),
            },
            // Twilight connects again by itself where a connection ended without a word. How often is for the receiver to
            // decide, which also says how the account is.
            10 if was_greeted => return Err(ReceiveError::Failed("the connection to Discord broke off".to_owned())),
            10 => was_greeted = true,
            7 => return Ok(()),
            9 => match serde_json::from_str(&text) {
                Ok(InvalidSession { d: true }) => return Ok(()),
                _ => {
                    // Once this is taken, everything before it is; then the feed is opened anew.
                    let _ = told.send(Told::SessionOver).await;
                    std::future::pending().await
                }
            },
            _ => {}
        }
    }
}

/// What a close means, by its code. The ones that are not named here pass.
fn closed(frame: Option<&CloseFrame<'_>>) -> ReceiveError {
    let Some(frame) = frame else {
        return ReceiveError::Failed("Discord closed the connection".to_owned());
    };
    match frame.code {
        4004 => ReceiveError::Refused(refused()),
        4013 | 4014 => ReceiveError::Refused(
            "Discord does not let the bot read messages: switch on \"Message Content Intent\" on the page \"Bot\" of the \
             application"
                .to_owned(),
        ),
        code @ 4010..=4012 => {
            ReceiveError::Refused(format!("Discord closed the connection for good (code {code})"))
        }
        code => ReceiveError::Failed(format!("Discord closed the connection (code {code})")),
    }
}

/// None when only this one frame is lost. The error's own text may hold a message, so it is not said.
fn failed(error: &ReceiveMessageError) -> Option<ReceiveError> {
    match error.kind() {
        ReceiveMessageErrorType::Deserializing { .. } => {
            tracing::warn!("a frame of Discord's gateway is not understood");
            None
        }
        _ => {
            let reason = with_causes("Discord's gateway cannot be reached", error);
            Some(ReceiveError::Failed(reason))
        }
    }
}
