//! An output stream that is only worth logging: lines go to the debug log, the end is kept for the reason of a failure.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout_at};

/// Longest line logged, in bytes; longer ones are cut into several.
const LINE_BYTES_MAX: usize = 2_048;
/// What is kept for the reason of a failure, in bytes: a stack trace's worth.
const TAIL_BYTES_MAX: usize = 2_048;
/// Time an ended sandbox's stream gets to end as well.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Bytes read at a time.
const READ_BYTES: usize = 4_096;

/// Such a stream.
pub(super) struct LogLines {
    name: &'static str,
    stream: Option<Pin<Box<dyn AsyncRead + Send>>>,
    line: Vec<u8>,
    tail: VecDeque<u8>,
    buffer: Box<[u8]>,
    /// Until when an ended sandbox's stream is read, once that has begun: a caller who comes back must not begin anew.
    drain_until: Option<Instant>,
}

impl LogLines {
    pub(super) fn new(name: &'static str, stream: Pin<Box<dyn AsyncRead + Send>>) -> Self {
        Self {
            name,
            stream: Some(stream),
            line: Vec::new(),
            tail: VecDeque::new(),
            buffer: vec![0; READ_BYTES].into(),
            drain_until: None,
        }
    }

    /// Reads and logs what has come; waits for ever once the stream has ended. Cancel-safe.
    pub(super) async fn log_some(&mut self) {
        let Some(stream) = &mut self.stream else {
            return std::future::pending().await;
        };
        match stream.read(&mut self.buffer).await {
            Ok(0) | Err(_) => {
                self.stream = None;
                self.end_line();
            }
            Ok(read) => self.take(read),
        }
    }

    /// Reads to the end of the stream of a sandbox that has ended. Cancel-safe, and a caller who comes back has only the time
    /// that was left.
    pub(super) async fn drain(&mut self) {
        let until = *self.drain_until.get_or_insert_with(|| Instant::now() + DRAIN_TIME);
        let to_the_end = async {
            while self.stream.is_some() {
                self.log_some().await;
            }
        };
        if timeout_at(until, to_the_end).await.is_err() {
            self.stream = None;
        }
    }

    /// Whether nothing more can come.
    pub(super) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }

    /// The end of what was read.
    pub(super) fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn take(&mut self, read: usize) {
        self.tail.extend(&self.buffer[..read]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES_MAX));
        for at in 0..read {
            match self.buffer[at] {
                b'\n' => self.end_line(),
                byte => self.line.push(byte),
            }
            if self.line.len() >= LINE_BYTES_MAX {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            let line = String::from_utf8_lossy(&self.line);
            tracing::debug!(stream = self.name, line = %line.escape_debug(), "the agent wrote");
            self.line.clear();
        }
    }
}
