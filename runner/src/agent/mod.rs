//! The link to the agent in a sandbox: prompts and answers in, results and requests out.
//!
//! [`AgentLink`] hides which container contract an image speaks. [`OwnLink`] speaks ours over two mailboxes,
//! [`NanoClawLink`] speaks NanoClaw's over stdin, stdout and a directory. It knows the messages, not the turn: what a result
//! does to the cursor is decided by [`proto::turn::run`].
//!
//! Everything it hands on has been read safely and checked against the contract.

mod log_lines;
mod nanoclaw;
mod own;
mod stdio;

use async_trait::async_trait;
use proto::ipc::{AgentMessage, Answer, CloseReason, Prompt, Start};

pub use nanoclaw::{NanoClawLink, Surroundings};
pub use own::OwnLink;
pub use stdio::Stdio;

/// The link to one sandbox's agent.
#[async_trait]
pub trait AgentLink: Send {
    /// Tells the agent who it is and hands over the first prompt.
    async fn start(&mut self, start: Start) -> Result<(), LinkError>;

    /// Hands over a follow-up or the next turn's prompt. See [`AgentLink::takes_follow_ups`].
    async fn hand_over(&mut self, prompt: Prompt) -> Result<(), LinkError>;

    /// Answers a request.
    async fn answer(&mut self, answer: Answer) -> Result<(), LinkError>;

    /// Asks the agent to finish what it was handed and to exit.
    async fn close(&mut self, reason: CloseReason) -> Result<(), LinkError>;

    /// Waits for what the agent says next. Cancel-safe. It also keeps the agent's output streams flowing, so it must be
    /// polled for as long as the sandbox runs.
    async fn next(&mut self) -> LinkEvent;

    /// Returns what an agent that has exited said before, one by one, then `None`. Call it after the sandbox's end: notice
    /// of the end may overtake the last message. Cancel-safe; bounded in time, over all calls together.
    async fn left_behind(&mut self) -> Option<LinkEvent>;

    /// Whether the agent reads about the world in files instead of asking; they are to be kept fresh with [`AgentLink::show`].
    fn reads_snapshots(&self) -> bool {
        false
    }

    /// Writes those files anew.
    fn show(&mut self, _surroundings: Surroundings) -> Result<(), LinkError> {
        Ok(())
    }

    /// Whether prompts may be handed over while one is unanswered.
    fn takes_follow_ups(&self) -> bool;

    /// Whether the agent gave a sign of life since the last call: a heartbeat, or where the contract has none, anything heard.
    fn last_sign_of_life(&mut self) -> bool;

    /// The end of what the agent wrote to its error stream, for the reason of a failure. Not for people in a chat.
    fn last_words(&self) -> String;
}

/// What came from the agent.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// A message, checked.
    Message(AgentMessage),
    /// Something that was not read or did not follow the contract: to be logged and counted, never an end.
    Refused {
        /// What and why; says nothing of the contents.
        reason: String,
    },
}

/// Why the agent could not be told something.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The file or stream could not be written.
    #[error("{what} cannot be written")]
    Write {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The sandbox was started without the stream the contract needs.
    #[error("the sandbox has no standard input")]
    NoInput,
    /// The agent does not read its input.
    #[error("the agent did not read its first prompt in time")]
    NotRead,
    /// A prompt is unanswered, and this contract cannot say which of two a result answers.
    #[error("the last prompt is not answered yet")]
    Busy,
}

impl LinkError {
    fn write(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { what, source }
    }
}

#[cfg(test)]
mod tests;
