//! `clawhold demo-model`: the scripted stand-in model as a service of its own, for fleets without an API key.
//!
//! A single node has it built in (`clawhold up --demo`); runners of a fleet are several and share one.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use doubles::{ModelDouble, demo_script};
use service::lifecycle::Lifecycle;

use super::say;

/// The port that docker-compose.demo.yml names.
const PORT: u16 = 8099;

/// Serves the scripted stand-in model to anybody who can reach it.
#[derive(Args, Debug)]
pub(crate) struct DemoModelArgs {
    /// Address and port.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))]
    listen: SocketAddr,
}

/// Runs the command until it is told to stop.
pub(crate) async fn run(args: DemoModelArgs) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_to_signals().context("signals cannot be heard")?;
    // Nothing is recorded: this is no test.
    let model = ModelDouble::new(demo_script()).address(args.listen).requests_kept(0);
    let model = model
        .listen()
        .await
        .with_context(|| format!("the stand-in model cannot listen on {}", args.listen))?;
    say(&format!(
        "clawhold: the stand-in model answers on {}; no real model is asked",
        model.address()
    ));
    lifecycle.soft_stop().cancelled().await;
    model.stop().await;
    Ok(ExitCode::SUCCESS)
}
