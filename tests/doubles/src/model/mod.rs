//! A scripted stand-in for Anthropic's Messages API.
//!
//! * [`protocol`]: what travels: requests and the rules they must keep, replies, errors, server-sent events.
//! * [`script`]: who decides what is answered: closures, rule lists, and the ready-made echo and demo scripts.
//! * [`server`]: the listener, credentials, rate limit, gates, recorded requests and the ways an answer can break.
//!
//! It deliberately does not know what Clawhold does with the answers. Invariant: what the real API would refuse, the double
//! refuses with the same status and the same error type.

pub mod protocol;
pub mod script;
pub mod server;

pub use protocol::error::ApiError;
pub use protocol::reply::{Fault, Pace, Reply, ReplyBlock, Stall, Usage};
pub use protocol::request::{ModelRequest, Step};
pub use script::prompt::{PromptMessage, messages_in};
pub use script::{Rule, Script, demo_script, echo_script};
pub use server::credentials::{Auth, Credentials, DEMO_API_KEY, OauthAccount};
pub use server::rate::RateLimit;
pub use server::record::RecordedRequest;
pub use server::{ModelDouble, Running, WaitError};
