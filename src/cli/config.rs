//! `clawhold config`: checks the configuration, or prints what holds and why.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config;

/// Checks and prints the configuration.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
    /// Configuration file [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says whether the configuration can be used, and lists everything that is wrong with it.
    Check,
    /// Prints the configuration that holds, with the origin of each value; secrets are hidden.
    Print,
}

/// Runs the command; a refused configuration is exit code 1.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = config::load(args.config.as_deref(), Vec::new())?;
    let text = match args.command {
        ConfigCommand::Check => "ok\n".to_owned(),
        ConfigCommand::Print => loaded.print()?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
