//! The command line: one file per command.

pub(crate) mod auth;
pub(crate) mod channel;
pub(crate) mod chat;
pub(crate) mod config;
mod control;
pub(crate) mod demo_model;
pub(crate) mod group;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod pair;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod task;
pub(crate) mod up;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::fleet::Role;

/// Runs Claude agents for chat groups, each group in its own sandbox.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a whole node in one process.
    Up(up::UpArgs),
    /// Runs a gateway of a fleet: channels, webhooks, delivery.
    Gateway(service::ServiceArgs),
    /// Runs a scheduler of a fleet: one of several leads.
    Scheduler(service::ServiceArgs),
    /// Runs a runner of a fleet: the sandboxes.
    Runner(service::ServiceArgs),
    /// Talks to a group of the running node.
    Chat(chat::ChatArgs),
    /// Lists and changes groups.
    Group(group::GroupArgs),
    /// Shows how the chat platforms' accounts are.
    Channel(channel::ChannelArgs),
    /// Schedules, lists and changes tasks.
    Task(task::TaskArgs),
    /// Shows what the running node is doing.
    Status(status::StatusArgs),
    /// Fetches the consent of an account's owner.
    Auth(auth::AuthArgs),
    /// Checks and prints the configuration.
    Config(config::ConfigArgs),
    /// Makes the images of the agents and of the services.
    Image(image::ImageArgs),
    /// Asks the service of this machine or container whether it can work.
    Health(health::HealthArgs),
    /// Brings chats to groups that ask for it with a code.
    Pair(pair::PairArgs),
    /// Serves the scripted stand-in model.
    #[command(hide = true)]
    DemoModel(demo_model::DemoModelArgs),
}

/// Runs a command to its exit code.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // One TLS implementation for the whole process; a second installation would change nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.command {
        Command::Up(args) => up::run(args).await,
        Command::Gateway(args) => service::run(Role::Gateway, args).await,
        Command::Scheduler(args) => service::run(Role::Scheduler, args).await,
        Command::Runner(args) => service::run(Role::Runner, args).await,
        Command::Chat(args) => chat::run(args).await,
        Command::Group(args) => group::run(args).await,
        Command::Channel(args) => channel::run(args).await,
        Command::Task(args) => task::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Auth(args) => auth::run(args).await,
        Command::Config(args) => config::run(&args),
        Command::Image(args) => image::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Health(args) => health::run(args).await,
        Command::Pair(args) => pair::run(args).await,
        Command::DemoModel(args) => demo_model::run(args).await,
    }
}

/// What a command prints of an answer: JSON, or lines for people.
fn answer<T: Serialize>(answer: &T, json: bool, lines: impl FnOnce(&T) -> String) -> anyhow::Result<String> {
    Ok(if json {
        serde_json::to_string_pretty(answer)? + "\n"
    } else {
        lines(answer)
    })
}

/// Says something to the person at the terminal: standard error, because standard output belongs to replies.
pub(crate) fn say(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
