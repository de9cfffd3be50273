//! What a client's frame leads to. Invariant: nothing but a heartbeat is heard before the client has said who it is.

use serde_json::{Value, json};

use super::{Intents, Order};
use crate::discord::json;
use crate::discord::state::State;

/// What the socket does about a frame.
#[derive(Debug, PartialEq)]
pub(super) enum Reaction {
    /// Nothing.
    None,
    /// Sends this.
    Say(Value),
    /// Obeys this.
    Obey(Order),
}

const AUTHENTICATION_FAILED: Order = Order::Close(4004, "Authentication failed.");
const DECODE_ERROR: Order = Order::Close(4002, "Error while decoding payload.");

/// Handles one frame of the connection.
pub(super) fn handle(state: &mut State, connection: u64, frame: &Value) -> Reaction {
    let data = &frame["d"];
    let is_known = state
        .gateway
        .connections
        .get(&connection)
        .is_some_and(|own| own.session.is_some());
    match (frame["op"].as_u64(), is_known) {
        (Some(1), _) => Reaction::Say(json!({ "op": 11, "d": null, "s": null, "t": null })),
        (Some(2), false) => identify(state, connection, data),
        (Some(6), false) => resume(state, connection, data),
        (Some(2 | 6), true) => Reaction::Obey(Order::Close(4005, "Already authenticated.")),
        // Presence, voice state, members: heard and of no consequence here.
        (Some(3 | 4 | 8), true) => Reaction::None,
        (Some(3 | 4 | 8), false) => Reaction::Obey(Order::Close(4003, "Not authenticated.")),
        (Some(_), _) => Reaction::Obey(Order::Close(4001, "Unknown opcode.")),
        (None, _) => Reaction::Obey(DECODE_ERROR),
    }
}

fn identify(state: &mut State, connection: u64, data: &Value) -> Reaction {
    if !is_token(state, data) {
        return Reaction::Obey(AUTHENTICATION_FAILED);
    }
    let (Some(bits), true) = (data["intents"].as_u64(), data["properties"].is_object()) else {
        return Reaction::Obey(DECODE_ERROR);
    };
    let intents = Intents(bits);
    if !Intents::KNOWN.contains(intents) {
        return Reaction::Obey(Order::Close(4013, "Invalid intent(s)."));
    }
    let privileged = Intents(intents.0 & Intents::PRIVILEGED.0);
    if !state.gateway.allowed.contains(privileged) {
        return Reaction::Obey(Order::Close(4014, "Disallowed intent(s)."));
    }
    let gateway = &mut state.gateway;
    let too_soon = gateway
        .identified_ms
        .is_some_and(|at| state.now_ms < at + gateway.identify_pause_ms);
    if too_soon || gateway.identifies >= super::session::STARTS_PER_DAY {
        return Reaction::Obey(Order::Invalidate { resumable: false });
    }
    gateway.identified_ms = Some(state.now_ms);
    gateway.identifies += 1;
    begin(state, connection, intents);
    Reaction::None
}

fn begin(state: &mut State, connection: u64, intents: Intents) {
    let id = format!("{:032x}", state.next_id());
    state.gateway.begin(&id, intents);
    let ready = ready(state, &id);
    let guilds: Vec<Value> = state.guilds.keys().map(|id| json::whole_guild(state, *id)).collect();
    if let Some(session) = state.gateway.sessions.get_mut(&id) {
        session.push("READY", &ready);
        for guild in guilds.iter().filter(|_| intents.contains(Intents::GUILDS)) {
            session.push("GUILD_CREATE", guild);
        }
    }
    state.gateway.attach(connection, &id, 0);
}

fn ready(state: &State, session: &str) -> Value {
    let guilds: Vec<Value> = state
        .guilds
        .keys()
        .map(|id| json!({ "id": id.to_string(), "unavailable": true }))
        .collect();
    json!({
        "v": 10,
        "user": json::bot_user(&state.users[&state.bot]),
        "user_settings": {},
        "guilds": guilds,
        "private_channels": [],
        "relationships": [],
        "presences": [],
        "session_id": session,
        "session_type": "normal",
        "resume_gateway_url": state.origin.replacen("http", "ws", 1),
        "shard": [0, 1],
        "application": { "id": state.application.to_string(), "flags": 565_248 },
        "_trace": [],
    })
}

fn resume(state: &mut State, connection: u64, data: &Value) -> Reaction {
    if !is_token(state, data) {
        return Reaction::Obey(AUTHENTICATION_FAILED);
    }
    let (Some(id), Some(sequence)) = (data["session_id"].as_str(), data["seq"].as_u64()) else {
        return Reaction::Obey(DECODE_ERROR);
    };
    let now_ms = state.now_ms;
    let Some(session) = state.gateway.sessions.get_mut(id) else {
        return Reaction::Obey(Order::Invalidate { resumable: false });
    };
    if sequence > session.sequence {
        return Reaction::Obey(Order::Close(4007, "Invalid seq."));
    }
    if !session.can_resume(sequence, now_ms) {
        state.gateway.sessions.remove(id);
        return Reaction::Obey(Order::Invalidate { resumable: false });
    }
    session.push("RESUMED", &json!({ "_trace": [] }));
    state.gateway.resumes += 1;
    state.gateway.attach(connection, id, sequence);
    Reaction::None
}

fn is_token(state: &State, data: &Value) -> bool {
    let given = data["token"].as_str().unwrap_or_default();
    let given = given.strip_prefix("Bot ").unwrap_or(given);
    state.token.as_deref() == Some(given)
}
