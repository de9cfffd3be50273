//! `clawhold channel status`: how the accounts of the running gateway are.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use gateway::api::wire::Channels;
use gateway::health::{AccountReport, Receiving};

use super::answer;
use super::control::Control;

/// Shows how the chat platforms' accounts are.
#[derive(Args, Debug)]
pub(crate) struct ChannelArgs {
    #[command(subcommand)]
    command: ChannelCommand,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ChannelCommand {
    /// Lists the accounts: whether they can send and receive, and what is wrong. An account in trouble is exit code 1.
    Status,
}

/// Runs the command.
pub(crate) async fn run(args: ChannelArgs) -> anyhow::Result<ExitCode> {
    let ChannelCommand::Status = args.command;
    let control = Control::of_config(args.config.as_deref())?;
    let channels: Channels = control.get("/v1/channels").await?;
    let text = answer(&channels, args.json, |channels| table(&channels.accounts))?;
    std::io::stdout().write_all(text.as_bytes())?;
    let is_well = channels.accounts.iter().all(|account| account.trouble.is_none());
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(accounts: &[AccountReport]) -> String {
    let line = |account: &AccountReport| {
        let name = format!("{}:{}", account.channel, account.account);
        let state = word(&account.receiving);
        match &account.trouble {
            Some(trouble) => format!("{name:<32} {state:<10} {trouble}\n"),
            None => format!("{name:<32} {state}\n"),
        }
    };
    accounts.iter().map(line).collect()
}

fn word(receiving: &Receiving) -> &'static str {
    match receiving {
        Receiving::Standby => "standby",
        Receiving::Connecting => "connecting",
        Receiving::Live => "live",
        Receiving::Degraded(_) => "degraded",
        Receiving::Refused(_) => "refused",
        Receiving::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_in_trouble_says_why() {
        let account = |account: &str, receiving, trouble: Option<&str>| AccountReport {
            channel: "telegram".into(),
            account: account.into(),
            receiving,
            trouble: trouble.map(str::to_owned),
            silent_for_s: 0,
        };
        let text = table(&[
            account("1", Receiving::Live, None),
            account(
                "2",
                Receiving::Refused("401".into()),
                Some("the platform refuses the account: 401"),
            ),
        ]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].ends_with(" live"), "{text}");
        assert!(
            lines[1].contains("telegram:2") && lines[1].ends_with("refuses the account: 401"),
            "{text}"
        );
    }
}
