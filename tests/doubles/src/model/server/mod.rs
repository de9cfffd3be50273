//! The listener and what it keeps: credentials, limits, gates, recorded requests.
//!
//! Speaks HTTP/1.1 over hyper directly, because a reset has to act on the connection below the HTTP layer. Invariant: when
//! [`Running`] is dropped, every task and socket of the double is gone.

pub mod credentials;
pub mod rate;
pub mod record;

mod answer;
mod body;
mod connection;
mod endpoint;
mod gate;
mod ids;
mod oauth;
mod running;
mod start;

pub use running::{Running, WaitError};
pub use start::ModelDouble;

use credentials::Credentials;
use gate::Gates;
use oauth::Oauth;
use rate::Rate;
use record::Recorder;

use super::script::Script;

/// Everything the connections share.
struct State {
    script: Script,
    credentials: Credentials,
    oauth: Oauth,
    rate: Rate,
    gates: Gates,
    recorder: Recorder,
}
