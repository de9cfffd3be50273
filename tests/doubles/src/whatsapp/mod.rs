//! A stand-in for the WhatsApp Cloud API (Graph): one business number, the people who write to it, and its webhook.
//!
//! It keeps what was sent and uploaded, enforces Graph's rules (token, parameters, lengths, types, rates, the 24 hours in
//! which free text may be sent) with Graph's codes and words, and tells a webhook about messages and their states as Meta
//! does: signed, again and again until it answers 200, several in one notification, repeated or out of order on request.
//! As on the real platform most refusals come late, as a `failed` status of a message that had been accepted.
//!
//! Left out: other WhatsApp Business accounts, calls, flows, catalogues, pricing. Group chats are not part of the Cloud API.

mod account;
mod bucket;
mod double;
mod error;
mod hook;
mod ids;
mod inbound;
mod media;
mod notification;
mod people;
mod receipt;
mod send;
mod sent;
mod state;
mod template;

pub use account::{ACCESS_TOKEN, APP_SECRET, PHONE_NUMBER_ID, VERIFY_TOKEN};
pub use double::WhatsAppDouble;
pub use error::GraphError;
pub use inbound::{Inbound, MediaKind};
pub use sent::{Sent, SentMessage};
pub use state::WindowCheck;

#[cfg(test)]
mod tests;
