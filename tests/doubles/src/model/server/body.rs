//! The body of an answer, sent frame by frame: with the reply's pace, its stall and its fault.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use super::super::protocol::reply::{Fault, Pace, Stall};
use super::super::protocol::sse;
use super::State;
use super::ids;
use crate::wire::Link;

/// The body type of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A reset drops what is still buffered. Hyper flushes while the body is pending, so the frames before the fault get this
/// long to leave.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

/// A body that is sent at once.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Sends frames one by one.
pub(super) struct Player {
    pub(super) state: Arc<State>,
    pub(super) link: Link,
    pub(super) pace: Pace,
    pub(super) stall: Option<Stall>,
    pub(super) fault: Option<Fault>,
    frames: VecDeque<Bytes>,
    sent: usize,
    over: bool,
}

impl Player {
    pub(super) fn new(state: Arc<State>, link: Link, frames: Vec<Bytes>) -> Self {
        let (pace, stall, fault) = (Pace::default(), None, None);
        Self {
            state,
            link,
            pace,
            stall,
            fault,
            frames: frames.into(),
            sent: 0,
            over: false,
        }
    }

    pub(super) fn into_body(self) -> Body {
        let frames = stream::unfold(self, |mut player| async move {
            let frame = player.next().await?;
            Some((frame.map(Frame::data), player))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.over {
            return None;
        }
        if let Some(stall) = self
            .stall
            .take_if(|stall| stall.after_frames.is_some_and(|after| after <= self.sent))
        {
            self.state.gates.pass(&stall.name).await;
        }
        match &self.fault {
            Some(Fault::ResetAfter(after)) if *after <= self.sent => {
                tokio::time::sleep(FLUSH_PAUSE).await;
                self.link.reset::<()>().await;
            }
            Some(Fault::HangUpAfter(after)) if *after <= self.sent => {
                tokio::time::sleep(FLUSH_PAUSE).await;
                self.over = true;
                return Some(Err(io::Error::other("the script hangs up here")));
            }
            Some(Fault::TruncateAfter(after)) if *after <= self.sent => return None,
            Some(Fault::ErrorAfter(after, error)) if *after <= self.sent => {
                self.over = true;
                return Some(Ok(sse::event("error", &error.to_json(&ids::mint("req_")))));
            }
            _ => {}
        }
        let frame = self.frames.pop_front()?;
        if !self.pace.between_frames.is_zero() {
            tokio::time::sleep(self.pace.between_frames).await;
        }
        self.sent += 1;
        Some(Ok(frame))
    }
}
