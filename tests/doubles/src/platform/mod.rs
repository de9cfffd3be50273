//! What the stand-ins for chat platforms have in common: a real HTTP server with WebSockets, and faults on request.
//!
//! A platform implements [`Platform`]: it keeps real state, executes calls and words its own errors. [`start`] puts it on a
//! port of loopback. [`Faults`] breaks calls on the way, so that no platform has to know how: refused, reset before or after
//! the work was done, half an answer, too slow, too busy. Invariant: a fault says for certain whether the call was executed.

mod call;
mod clock;
mod connection;
mod fault;
mod form;
mod push;
mod record;
mod running;

pub use call::{Answer, Call};
pub use clock::PlatformClock;
pub use fault::{Fault, Faults, Mix};
pub use form::{FormPart, parse_form, parse_multipart};
pub use push::{Pushed, push};
pub use running::{RunningPlatform, start};

use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;

/// A WebSocket that a client has opened, on the server's side.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Serves one WebSocket; when it returns, or the stand-in stops, the connection ends.
pub type SocketHandler = Box<dyn FnOnce(Socket) -> BoxFuture<'static, ()> + Send>;

/// A chat platform behind HTTP: real state, its own limits, its own words.
#[async_trait]
pub trait Platform: Send + Sync + 'static {
    /// Executes a call. May wait, as a long poll does; a caller that leaves ends the wait.
    async fn answer(&self, call: Call) -> Answer;

    /// How this platform says "too many requests".
    fn busy(&self, call: &Call, retry_after: Duration) -> Answer;

    /// Who serves this call as a WebSocket. `None`: it is no such call, or it is refused by [`Platform::answer`].
    fn websocket(&self, call: &Call) -> Option<SocketHandler> {
        let _ = call;
        None
    }

    /// Whether the call does something that people can see. Only such calls meet the faults of a [`Mix`].
    fn is_effect(&self, call: &Call) -> bool;
}

#[cfg(test)]
mod tests;
