//! `clawhold pair`: brings chats to groups that ask for it with a code.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use gateway::api::wire::{Approval, Paired, Pairings};
use reqwest::Method;

use super::answer;
use super::control::{Control, segment};

/// Brings chats to groups that ask for it with a code.
#[derive(Args, Debug)]
pub(crate) struct PairArgs {
    #[command(subcommand)]
    command: PairCommand,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum PairCommand {
    /// Lists the chats that ask, with their codes.
    List,
    /// Brings a chat to a group.
    Approve {
        /// The code that the chat shows.
        code: String,
        /// The group [default: a new one, named after the chat].
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
    },
    /// Forgets that a chat asked.
    Reject {
        /// The code that the chat shows.
        code: String,
    },
}

/// Runs the command.
pub(crate) async fn run(args: PairArgs) -> anyhow::Result<ExitCode> {
    let control = Control::of_config(args.config.as_deref())?;
    let text = match args.command {
        PairCommand::List => {
            let pairings: Pairings = control.get("/v1/pairings").await?;
            answer(&pairings, args.json, lines)?
        }
        PairCommand::Approve { code, group } => {
            let path = format!("/v1/pairings/{}/approve", segment(&code));
            let paired: Paired = control.ask(Method::POST, &path, &Approval { group }).await?;
            answer(&paired, args.json, |paired| {
                format!("{} belongs to the group {} now\n", paired.chat, paired.group)
            })?
        }
        PairCommand::Reject { code } => {
            let path = format!("/v1/pairings/{}", segment(&code));
            control.tell(Method::DELETE, &path, None::<&()>).await?;
            String::new()
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn lines(pairings: &Pairings) -> String {
    let line = |shown: &gateway::api::wire::PairingShown| {
        let name = shown.name.as_deref().unwrap_or_default();
        format!("{}  {}  {}  {name:?}\n", shown.code, shown.chat, shown.asked_at)
    };
    pairings.pairings.iter().map(line).collect()
}
