//! `clawhold up`: runs one node; on a terminal it opens the chat, with piped input it answers each line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use doubles::{DEMO_API_KEY, ModelDouble, demo_script};
use proto::ids::GroupId;
use rustix::fs::FileType;
use service::lifecycle::{Cause, Outcome};
use tokio::io::BufReader;

use super::chat::{ANSWER_TIMEOUT, chat_piped, chat_terminal};
use super::say;
use crate::config::{self, Config};
use crate::one_node::Node;

/// Runs a whole node in one process.
#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Answers with the scripted stand-in model; needs no API key.
    #[arg(long)]
    demo: bool,
    /// Only serves, whatever standard input is.
    #[arg(long)]
    serve: bool,
    /// Group to chat with.
    #[arg(long, default_value = "main")]
    group: GroupId,
    /// Configuration file [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What standard input is to a node.
enum Input {
    /// A person.
    Terminal,
    /// Lines, each a message.
    Lines,
    /// Nothing: the node serves until it is told to stop.
    None,
}

/// Runs the command.
pub(crate) async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    let demo = if args.demo {
        Some(start_demo_model().await?)
    } else {
        None
    };
    let overrides = demo.as_ref().map(demo_settings).unwrap_or_default();
    let config = config::load(args.config.as_deref(), overrides)?.config;
    service::telemetry::init(&config.log).context("the log cannot be opened")?;
    require_credential(&config)?;
    if demo.is_some() {
        say("demo: the scripted stand-in model answers; set ANTHROPIC_API_KEY for a real one");
    }
    let node = Node::start(config, config::files(args.config.as_deref())).await?;
    say(&format!(
        "clawhold: http on {}, chat on {}",
        node.http(),
        node.socket().display()
    ));
    let chatted = converse(&args, &node).await;
    let outcome = node.ended().await;
    let chat_code = chatted?;
    report(&outcome);
    Ok(if outcome.is_intended() {
        chat_code
    } else {
        ExitCode::FAILURE
    })
}

/// Chats as long as standard input lasts, and then ends the node; without input it serves.
async fn converse(args: &UpArgs, node: &Node) -> anyhow::Result<ExitCode> {
    let told_to_stop = node.lifecycle().soft_stop();
    let chat = async {
        match input(args) {
            Input::Terminal => chat_terminal(node.socket(), &args.group).await,
            Input::Lines => {
                let input = BufReader::new(tokio::io::stdin());
                chat_piped(node.socket(), &args.group, input, tokio::io::stdout(), ANSWER_TIMEOUT).await
            }
            Input::None => std::future::pending().await,
        }
    };
    let code = tokio::select! {
        code = chat => code,
        () = told_to_stop.cancelled() => Ok(ExitCode::SUCCESS),
    };
    node.lifecycle().begin_soft_stop();
    code
}

async fn start_demo_model() -> anyhow::Result<doubles::Running> {
    // Nothing is recorded: this is a node, not a test.
    let model = ModelDouble::new(demo_script()).requests_kept(0);
    model
        .listen()
        .await
        .context("the stand-in model cannot listen on loopback")
}

fn demo_settings(model: &doubles::Running) -> Vec<(String, toml::Value)> {
    vec![
        ("model.base_url".to_owned(), toml::Value::from(model.base_url())),
        ("model.api_key".to_owned(), toml::Value::from(DEMO_API_KEY)),
    ]
}

pub(super) fn require_credential(config: &Config) -> anyhow::Result<()> {
    let model = &config.model;
    if model.api_key.is_none() && model.oauth_token.is_none() && model.oauth_refresh_token.is_none() {
        bail!(
            "there is no credential for the model: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in the environment \
             or in .env, or try `clawhold up --demo`"
        );
    }
    Ok(())
}

fn input(args: &UpArgs) -> Input {
    let stdin = std::io::stdin();
    if args.serve {
        return Input::None;
    }
    if stdin.is_terminal() {
        return Input::Terminal;
    }
    // A service manager gives /dev/null or a socket; only a pipe or a file carries messages.
    match rustix::fs::fstat(&stdin).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Fifo | FileType::RegularFile) => Input::Lines,
        Ok(_) | Err(_) => Input::None,
    }
}

fn report(outcome: &Outcome) {
    match &outcome.cause {
        Cause::Requested => {}
        cause @ (Cause::Signal(_) | Cause::Task { .. }) => say(&format!("clawhold: stopped: {cause}")),
    }
    if !outcome.cut_off.is_empty() {
        say(&format!(
            "clawhold: cut off at the deadline: {}",
            outcome.cut_off.join(", ")
        ));
    }
}
