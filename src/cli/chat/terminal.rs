//! The chat of a person at a terminal.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::channel::cli::wire::{PostedStatus, ReplyEvent};
use proto::ids::GroupId;
use proto::ipc::ProgressKind;

use super::editor::{self, Editor, Printer};
use super::events::{Events, Update};
use super::post::Poster;
use super::shown::CHAT_DIR;
use super::terminal_mode::TerminalMode;
use crate::cli::control::{Control, ControlError};

/// Time that a message on its way gets when the person leaves.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

type Posting = BoxFuture<'static, Result<PostedStatus, ControlError>>;

/// Lets a person talk to a group until Ctrl-D.
///
/// # Errors
/// When the node is not running or refuses the chat, or the terminal cannot be used.
pub(crate) async fn chat_terminal(socket: &Path, group: &GroupId) -> anyhow::Result<ExitCode> {
    let control = Control::new(socket)?;
    let mut events = Events::open(control.clone(), group).await?;
    let poster = Poster::new(control, group);
    let _mode = TerminalMode::keep();
    let directory = socket.parent().unwrap_or(Path::new(".")).join(CHAT_DIR);
    std::fs::create_dir_all(&directory)?;
    let Editor { printer, mut lines } = editor::start(format!("{group}> "), directory.join("history")).await?;
    let mut screen = Screen {
        printer,
        last_tool: None,
    };
    screen.print(&format!("Talking to {group}. Ctrl-D leaves."))?;

    // One message at a time: what is typed while the node is away keeps its order.
    let mut posting: Option<Posting> = None;
    loop {
        tokio::select! {
            line = lines.recv(), if posting.is_none() => match line {
                Some(text) => {
                    let poster = poster.clone();
                    posting = Some(async move { poster.post(text).await }.boxed());
                }
                None => break,
            },
            posted = wait(&mut posting) => {
                posting = None;
                screen.posted(&posted)?;
            }
            update = events.next() => match update? {
                Update::Reply(reply) => {
                    screen.reply(&reply)?;
                    if let Err(error) = events.shown(&reply).await {
                        screen.print(&format!("(what was shown cannot be remembered: {error})"))?;
                    }
                }
                other => screen.update(other)?,
            },
        }
    }
    if let Some(last) = posting {
        let _ = tokio::time::timeout(LEAVE_TIMEOUT, last).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for a message on its way, for ever if there is none. Cancel-safe.
async fn wait(posting: &mut Option<Posting>) -> Result<PostedStatus, ControlError> {
    match posting {
        Some(posting) => posting.await,
        None => std::future::pending().await,
    }
}

/// What is shown above the prompt.
struct Screen {
    printer: Printer,
    last_tool: Option<String>,
}

impl Screen {
    fn reply(&mut self, reply: &ReplyEvent) -> anyhow::Result<()> {
        self.last_tool = None;
        let text = printable(&reply.text);
        match &reply.sender {
            Some(sender) => self.print(&format!("\n{}: {text}\n", printable(sender))),
            None => self.print(&format!("\n{text}\n")),
        }
    }

    fn update(&mut self, update: Update) -> anyhow::Result<()> {
        match update {
            Update::Progress(progress) if progress.kind == ProgressKind::Tool => {
                // An agent uses the same tool many times in a row; once says it.
                if self.last_tool.as_deref() != Some(progress.text.as_str()) {
                    self.print(&format!("  · {}", printable(&progress.text)))?;
                    self.last_tool = Some(progress.text);
                }
                Ok(())
            }
            Update::Working => {
                self.last_tool = None;
                Ok(())
            }
            Update::Lost => self.print("(the node is gone; waiting for it)"),
            Update::Back => self.print("(the node is back)"),
            Update::Progress(_) | Update::Reply(_) => Ok(()),
        }
    }

    fn posted(&mut self, posted: &Result<PostedStatus, ControlError>) -> anyhow::Result<()> {
        match posted {
            Ok(PostedStatus::Accepted | PostedStatus::Duplicate) => Ok(()),
            Ok(PostedStatus::Context) => {
                self.print("(kept as context: start a message with the group's trigger to call the agent)")
            }
            Err(error) => self.print(&format!("(not sent: {error})")),
        }
    }

    fn print(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.printer.print(format!("{text}\n"))?)
    }
}

/// The text without what would steer the terminal: an agent's words must not retitle a window or fill a clipboard.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b]52;c;eA==\x07\u{9b}2Jb\n\tü"), "a]52;c;eA==2Jb\n\tü");
    }
}
