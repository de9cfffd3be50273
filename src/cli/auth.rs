//! `clawhold auth`: fetches the consent of an account's owner.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use gateway::channel::gmail::Consent;

use super::say;
use crate::config;

/// Fetches the consent of an account's owner.
#[derive(Args, Debug)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    command: AuthCommand,
    /// Configuration file [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum AuthCommand {
    /// Asks Google for access to a mailbox, in a browser.
    Gmail {
        /// Port of this machine to which the browser comes back; 0 takes a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Takes the address at which a browser on another machine ended from standard input.
        #[arg(long)]
        paste: bool,
    },
}

/// Runs the command.
pub(crate) async fn run(args: AuthArgs) -> anyhow::Result<ExitCode> {
    let loaded = config::load(args.config.as_deref(), Vec::new())?;
    let AuthCommand::Gmail { port, paste } = args.command;
    let settings = loaded.config.channels.gmail;
    let consent = Consent::begin(&settings, port).await?;
    say("Open this address in a browser and agree:");
    writeln!(std::io::stdout(), "{}", consent.url)?;
    let credentials = if paste {
        say("The browser ends at an address that it cannot open. Paste that address here:");
        consent.from_address(&pasted().await?).await?
    } else {
        say("Waiting for the browser to come back. If it runs on another machine, use --paste.");
        consent.from_browser().await?
    };
    credentials.write(&settings.credentials_file)?;
    let file = settings.credentials_file.display();
    say(&format!(
        "Done: {file} is written. A node that runs already needs a restart only if it had none before."
    ));
    Ok(ExitCode::SUCCESS)
}

async fn pasted() -> anyhow::Result<String> {
    let read = || std::io::stdin().lines().next();
    let line = tokio::task::spawn_blocking(read).await?;
    line.context("nothing was pasted")?
        .context("standard input cannot be read")
}
