//! What a script wants answered: content, usage, pace, and at most one fault.
//!
//! Does not know how any of it is put on the wire. A frame below is one server-sent event of a stream, or one piece of the
//! body when the request did not ask for a stream.

use std::time::Duration;

use serde_json::Value;

use super::error::ApiError;

/// The scripted answer to one request.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Content blocks in order.
    pub blocks: Vec<ReplyBlock>,
    /// Token counts; estimated from the texts when `None`.
    pub usage: Option<Usage>,
    /// How fast the answer travels.
    pub pace: Pace,
    /// A wait that only the test ends.
    pub stall: Option<Stall>,
    /// How the answer breaks, if it does.
    pub fault: Option<Fault>,
}

/// One content block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyBlock {
    /// Text for the user.
    Text(String),
    /// A call of a tool. Its id is minted per answer, as the real API does: two answers never share one.
    ToolUse {
        /// The tool's name as offered in the request.
        name: String,
        /// The tool's input, a JSON object.
        input: Value,
    },
}

/// Token counts as the API reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that were not cached.
    pub input_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
    /// Prompt tokens written to the cache.
    pub cache_creation_input_tokens: u64,
    /// Prompt tokens read from the cache.
    pub cache_read_input_tokens: u64,
}

/// How fast an answer travels. The default is at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Wait before the status line.
    pub before_headers: Duration,
    /// Wait before each frame.
    pub between_frames: Duration,
}

/// A wait without end, until [`Running::release`](crate::Running::release) is called with its name.
#[derive(Clone, Debug)]
pub struct Stall {
    /// The name to release.
    pub name: String,
    /// `None`: before the status line. `Some(n)`: after n frames.
    pub after_frames: Option<usize>,
}

/// How an answer breaks.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error answer takes the place of the reply.
    Error(ApiError),
    /// The connection is reset (RST) before the status line.
    ResetBeforeHeaders,
    /// The connection is reset (RST) after this many frames.
    ResetAfter(usize),
    /// The connection is closed (FIN) after this many frames, in the middle of the body.
    HangUpAfter(usize),
    /// The body ends in good order after this many frames, without the rest of the events.
    TruncateAfter(usize),
    /// An `error` event after this many frames, then the end of the body. Without streaming: an error answer.
    ErrorAfter(usize, ApiError),
}

impl Reply {
    /// An answer of one text block.
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().with_text(text)
    }

    /// An answer that calls one tool.
    pub fn tool(name: impl Into<String>, input: Value) -> Self {
        Self::default().with_tool(name, input)
    }

    /// An error in place of an answer.
    #[must_use]
    pub fn error(error: ApiError) -> Self {
        Self::default().with_fault(Fault::Error(error))
    }

    /// Adds a text block.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(ReplyBlock::Text(text.into()));
        self
    }

    /// Adds a call of a tool.
    #[must_use]
    pub fn with_tool(mut self, name: impl Into<String>, input: Value) -> Self {
        self.blocks.push(ReplyBlock::ToolUse {
            name: name.into(),
            input,
        });
        self
    }

    /// Sets the token counts.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Waits before the status line.
    #[must_use]
    pub fn delayed(mut self, before_headers: Duration) -> Self {
        self.pace.before_headers = before_headers;
        self
    }

    /// Waits before each frame.
    #[must_use]
    pub fn dripping(mut self, between_frames: Duration) -> Self {
        self.pace.between_frames = between_frames;
        self
    }

    /// Waits before the status line until `name` is released.
    #[must_use]
    pub fn stalled(mut self, name: impl Into<String>) -> Self {
        self.stall = Some(Stall {
            name: name.into(),
            after_frames: None,
        });
        self
    }

    /// Waits after `frames` frames until `name` is released.
    #[must_use]
    pub fn stalled_after(mut self, frames: usize, name: impl Into<String>) -> Self {
        self.stall = Some(Stall {
            name: name.into(),
            after_frames: Some(frames),
        });
        self
    }

    /// Breaks the answer.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Whether the answer calls a tool, which decides its `stop_reason`.
    #[must_use]
    pub fn calls_a_tool(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| matches!(block, ReplyBlock::ToolUse { .. }))
    }
}
