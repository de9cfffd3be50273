//! `clawhold gateway`, `clawhold scheduler`, `clawhold runner`: one service of a fleet.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::config;
use crate::fleet::{self, Role};

/// Runs one service of a fleet, until it is told to stop.
#[derive(Args, Debug)]
pub(crate) struct ServiceArgs {
    /// Configuration file [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(role: Role, args: ServiceArgs) -> anyhow::Result<ExitCode> {
    let file = args.config.as_deref();
    let config = config::load_fleet(file)?.config;
    service::telemetry::init(&config.log).context("the log cannot be opened")?;
    if role == Role::Runner {
        super::up::require_credential(&config)?;
    }
    let ended_well = fleet::run(role, config, config::files(file)).await?;
    Ok(if ended_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
