//! The container's stdout as a stream of outputs.

use std::pin::Pin;
use std::time::Duration;

use proto::nanoclaw::{FrameParser, Parsed};
use tokio::io::{AsyncRead, AsyncReadExt as _};

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
}

impl Outputs {
    pub(super) fn new(stream: Pin<Box<dyn AsyncRead + Send>>) -> Self {
        Self {
            stream: Some(stream),
            parser: FrameParser::default(),
            buffer: vec![0; READ_BYTES].into(),
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

    /// Reads to the end of the stream of a sandbox that has ended.
    pub(super) async fn drain(&mut self) -> Vec<Parsed> {
        let mut outputs = Vec::new();
        let to_the_end = async {
            while self.stream.is_some() && outputs.len() < DRAIN_OUTPUTS_MAX {
                outputs.extend(self.read().await);
            }
        };
        // Whatever came in time counts.
        let _ = tokio::time::timeout(DRAIN_TIME, to_the_end).await;
        self.stream = None;
        outputs
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }
}
