//! `clawhold`: runs Claude agents for chat groups, each in its own sandbox.
//!
//! Only this file, [`one_node`] and [`cli`] name adapters; everything else speaks to ports.

mod cli;
mod config;
mod first_group;
mod fleet;
mod node_files;
mod one_node;
mod runtime;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Two workers: the node waits more than it computes, and each worker costs memory.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(cli::run(cli::Cli::parse()));
            // A read of standard input cannot be interrupted; it must not keep the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(anyhow::Error::new(error).context("the async runtime could not be started")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            cli::say(&format!("clawhold: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
