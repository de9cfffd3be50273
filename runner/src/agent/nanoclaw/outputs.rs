//! The container's stdout as a stream of outputs.

use std::pin::Pin;
use std::time::Duration;

use proto::nanoclaw::{FrameParser, Parsed};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout_at};

/// Bytes read at a time.
const READ_BYTES: usize = 8_192;
/// Time an ended sandbox's stream gets to end as well.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Outputs taken from what an ended sandbox left.
const DRAIN_OUTPUTS_MAX: usize = 1_024;

/// Reads outputs.
pub(super) struct Outputs {
    stream: Option<Pin<Box<dyn AsyncRead + Send>>>,
    parser: FrameParser,
    buffer: Box<[u8]>,
    /// Until when an ended sandbox's stream is read, once that has begun: a caller who comes back must not begin anew.
    drain_until: Option<Instant>,
    /// Outputs that an ended sandbox may still have left.
    drain_room: usize,
}

impl Outputs {
    pub(super) fn new(stream: Pin<Box<dyn AsyncRead + Send>>) -> Self {
        Self {
            stream: Some(stream),
            parser: FrameParser::default(),
            buffer: vec![0; READ_BYTES].into(),
            drain_until: None,
            drain_room: DRAIN_OUTPUTS_MAX,
        }
    }

    /// Reads once; waits for ever once the stream has ended. Cancel-safe.
    pub(super) async fn read(&mut self) -> Vec<Parsed> {
        let Some(stream) = &mut self.stream else {
            return std::future::pending().await;
        };
        match stream.read(&mut self.buffer).await {
            Ok(0) | Err(_) => {
                self.stream = None;
                self.parser.finish().map(Err).into_iter().collect()
            }
            Ok(read) => self.parser.push(&self.buffer[..read]),
        }
    }

    /// Reads some of what an ended sandbox left; none at the end, or when it took too long or was too much. Cancel-safe, and
    /// a caller who comes back has only the time that was left.
    pub(super) async fn drain_some(&mut self) -> Option<Vec<Parsed>> {
        let until = *self.drain_until.get_or_insert_with(|| Instant::now() + DRAIN_TIME);
        if self.has_ended() {
            return None;
        }
        // A stream that never pauses leaves the timer no chance.
        let in_time = self.drain_room > 0 && Instant::now() < until;
        let outputs = if in_time {
            timeout_at(until, self.read()).await.ok()
        } else {
            None
        };
        match &outputs {
            Some(outputs) => self.drain_room = self.drain_room.saturating_sub(outputs.len()),
            None => self.stream = None,
        }
        outputs
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }
}
