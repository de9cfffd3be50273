//! The chat of a pipe: lines in, replies out, and an end when everything sent was answered.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use gateway::channel::cli::wire::{PostedStatus, ReplyEvent};
use proto::ids::GroupId;
use proto::ipc::ProgressKind;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior};

use super::events::{Events, Update};
use super::lines::{Line, Lines};
use super::post::Poster;
use crate::cli::control::{Control, ControlError};
use crate::cli::say;

/// How often the node is asked, after the end of input, whether everything is answered.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// After everything was delivered: time for a reply that another client of this chat acknowledged first.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Sends each line of `input` as a message, writes replies (and nothing else) to `output`, and returns after the end of
/// input once every message got its answer, its deliberate silence or its notice.
///
/// The exit code is a failure when a line was refused or something stayed unanswered for `timeout`.
///
/// # Errors
/// When the node is not running, refuses the chat, or `output` cannot be written.
pub(crate) async fn chat_piped(
    socket: &Path,
    group: &GroupId,
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin,
    timeout: Duration,
) -> anyhow::Result<ExitCode> {
    let control = Control::new(socket)?;
    let events = Events::open(control.clone(), group).await?;
    let poster = Poster::new(control, group);
    let mut chat = Piped {
        events,
        poster,
        output,
        all_taken: true,
    };
    let answered = chat.run(Lines::new(input), Instant::now() + timeout).await?;
    if !answered {
        say(&format!(
            "clawhold: not everything was answered within {} s",
            timeout.as_secs()
        ));
    }
    Ok(if answered && chat.all_taken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Piped<W> {
    events: Events,
    poster: Poster,
    output: W,
    all_taken: bool,
}

impl<W: AsyncWrite + Unpin> Piped<W> {
    /// Returns whether everything was answered before `until`.
    async fn run<R: AsyncBufRead + Unpin>(&mut self, mut lines: Lines<R>, until: Instant) -> anyhow::Result<bool> {
        let mut input_ended = false;
        let mut ask = tokio::time::interval(ASK_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                line = lines.next(), if !input_ended => match line? {
                    Some(line) => self.take_line(line, until).await,
                    None => input_ended = true,
                },
                update = self.events.next() => self.show(update?).await?,
                _ = ask.tick(), if input_ended => if self.is_settled().await? {
                    self.last_words().await?;
                    return Ok(true);
                },
                () = tokio::time::sleep_until(until) => return Ok(false),
            }
        }
    }

    async fn take_line(&mut self, line: Line, until: Instant) {
        let text = match line {
            Line::Text(text) if text.trim().is_empty() => return,
            Line::Text(text) => text,
            Line::TooLong => return self.refuse("a line is longer than a message may be"),
            Line::NotText => return self.refuse("a line is not UTF-8 text"),
        };
        match tokio::time::timeout_at(until, self.poster.post(text)).await {
            Ok(Ok(PostedStatus::Context)) => {
                say(
                    "clawhold: kept as context: the message does not call the agent (start it with the group's trigger)",
                );
            }
            Ok(Ok(PostedStatus::Accepted | PostedStatus::Duplicate)) => {}
            Ok(Err(error)) => self.refuse(&error.to_string()),
            Err(_) => self.refuse("the node did not take a message"),
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.all_taken = false;
        say(&format!("clawhold: not sent: {reason}"));
    }

    async fn show(&mut self, update: Update) -> anyhow::Result<()> {
        match update {
            Update::Reply(reply) => self.write(&reply).await?,
            Update::Progress(progress) if progress.kind == ProgressKind::Tool => say(&format!("· {}", progress.text)),
            Update::Lost => say("clawhold: the node is gone; waiting for it"),
            Update::Back => say("clawhold: the node is back"),
            Update::Progress(_) | Update::Working => {}
        }
        Ok(())
    }

    async fn write(&mut self, reply: &ReplyEvent) -> anyhow::Result<()> {
        self.output.write_all(reply.text.as_bytes()).await?;
        self.output.write_all(b"\n").await?;
        self.output.flush().await?;
        if let Err(error) = self.events.shown(reply).await {
            say(&format!("clawhold: what was shown cannot be remembered: {error}"));
        }
        Ok(())
    }

    async fn is_settled(&self) -> Result<bool, ControlError> {
        match self.poster.state().await {
            Ok(state) => Ok(state.is_settled()),
            Err(error) if error.is_passing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn last_words(&mut self) -> anyhow::Result<()> {
        while let Ok(update) = tokio::time::timeout(LAST_WORDS, self.events.next()).await {
            self.show(update?).await?;
        }
        Ok(())
    }
}
