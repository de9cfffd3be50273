//! `clawhold chat`: talks to a group of the running node.
//!
//! On a terminal it edits lines and shows replies above the prompt; otherwise each line of standard input is a message
//! and standard output carries the replies and nothing else. Works over the node's Unix socket, and lives through a
//! restart of the node: messages carry an id, replies are shown once by theirs.

mod editor;
mod events;
mod lines;
mod piped;
mod post;
mod shown;
mod terminal;
mod terminal_mode;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use proto::ids::GroupId;
use tokio::io::BufReader;

use super::control::Control;

pub(crate) use piped::chat_piped;
pub(crate) use terminal::chat_terminal;

/// Default of `--timeout`: the node itself ends a run of the agent after half an hour, and tells.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1_800);

/// Longest `--timeout`, in seconds: a week.
const TIMEOUT_MAX_S: u64 = 7 * 24 * 3_600;

/// Talks to a group of the running node.
#[derive(Args, Debug)]
pub(crate) struct ChatArgs {
    /// Group to talk to.
    #[arg(long, default_value = "main")]
    group: GroupId,
    /// With piped input: seconds until what is unanswered is a failure.
    #[arg(long, value_name = "SECONDS", default_value_t = ANSWER_TIMEOUT.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=TIMEOUT_MAX_S))]
    timeout: u64,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(args: ChatArgs) -> anyhow::Result<ExitCode> {
    let control = Control::of_config(args.config.as_deref())?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return chat_terminal(control.socket(), &args.group).await;
    }
    let input = BufReader::new(tokio::io::stdin());
    let timeout = Duration::from_secs(args.timeout);
    chat_piped(control.socket(), &args.group, input, tokio::io::stdout(), timeout).await
}

#[cfg(test)]
mod tests;
