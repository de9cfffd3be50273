//! `script/bench [NAME…]`: measures the real node with the real Agent SDK and an instant model, in bounded time.
//!
//! One JSON object per measurement on standard output, a table for people on standard error. Distributions, never averages.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod accounts;
mod asked;
mod channels;
mod firings;
mod fleet;
mod latency;
mod node;
mod report;
mod tasks;

use std::process::ExitCode;

use report::Measurement;

/// All names, in the order they are measured.
const NAMES: [&str; 16] = [
    "start",
    "cold-start",
    "message-to-prompt",
    "follow-up",
    "idle-memory",
    "task-lateness",
    "dispatch",
    "ingest",
    "turn-cycles",
    "idle-groups",
    "move-group",
    "failover",
    "chaos",
    "sim-firings",
    "channels",
    "account-failover",
];

#[tokio::main]
async fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!(
            "bench: there is no measurement {unknown:?}; known: {}",
            NAMES.join(", ")
        );
        return ExitCode::FAILURE;
    }
    report::header();
    let mut all_kept = true;
    for name in NAMES
        .into_iter()
        .filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name))
    {
        eprintln!("measuring {name} …");
        let measurements: Vec<Measurement> = match name {
            "start" => node::start().await,
            "idle-memory" => node::idle_memory().await,
            "task-lateness" => tasks::lateness().await,
            "cold-start" => latency::cold_start().await,
            "message-to-prompt" => latency::message_to_prompt().await,
            "follow-up" => latency::follow_up().await,
            "dispatch" => fleet::dispatch().await,
            "ingest" => fleet::ingest().await,
            "turn-cycles" => fleet::turn_cycles().await,
            "idle-groups" => fleet::idle_groups().await,
            "move-group" => fleet::move_group().await,
            "failover" => fleet::failover().await,
            "chaos" => fleet::chaos().await,
            "sim-firings" => firings::sim_firings(),
            // These print counts beside their distributions themselves.
            "channels" => {
                all_kept &= channels::channels().await;
                Vec::new()
            }
            "account-failover" => {
                all_kept &= accounts::account_failover().await;
                Vec::new()
            }
            other => unreachable!("{other} is in NAMES"),
        };
        measurements.iter().for_each(report::print);
    }
    if all_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
