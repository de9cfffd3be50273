//! `clawhold status`: what the running node is doing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gateway::api::wire::{DeadLetters, Status, UndeliveredReplies};

use super::answer;
use super::control::Control;

/// Shows what the running node is doing.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Lists the messages that were given up, newest first.
    #[arg(long)]
    dead_letters: bool,
    /// Lists the replies that did not arrive, or may not have, newest first.
    #[arg(long, conflicts_with = "dead_letters")]
    undelivered: bool,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command; a node that is not ready is exit code 1.
pub(crate) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let control = Control::of_config(args.config.as_deref())?;
    let (text, is_well) = if args.dead_letters {
        let letters: DeadLetters = control.get("/v1/dead-letters").await?;
        (answer(&letters, args.json, list)?, true)
    } else if args.undelivered {
        let replies: UndeliveredReplies = control.get("/v1/undelivered").await?;
        (answer(&replies, args.json, list_undelivered)?, true)
    } else {
        let status: Status = control.get("/v1/status").await?;
        (answer(&status, args.json, table)?, is_ready(&status))
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_ready(status: &Status) -> bool {
    status.readiness["ready"] == true
}

fn table(status: &Status) -> String {
    let ready = if is_ready(status) { "ready" } else { "not ready" };
    let mut text = format!("clawhold {}: {ready}\n", status.version);
    for (name, condition) in status.readiness["conditions"].as_object().into_iter().flatten() {
        let state = condition["state"].as_str().unwrap_or_default();
        match condition["reason"].as_str() {
            Some(reason) => text.push_str(&format!("  {name}: {state} ({reason})\n")),
            None => text.push_str(&format!("  {name}: {state}\n")),
        }
    }
    let counts = status.counts;
    for (number, what) in [
        (counts.groups, "groups"),
        (counts.owned_groups, "groups in a slot"),
        (counts.waiting_groups, "groups waiting for a slot"),
        (counts.outbox_pending, "replies waiting"),
        (
            counts.outbox_uncertain,
            "replies that may not have arrived (see --undelivered)",
        ),
        (counts.outbox_dead, "replies given up (see --undelivered)"),
        (counts.dead_letters, "messages given up (see --dead-letters)"),
    ] {
        text.push_str(&format!("{number:>6}  {what}\n"));
    }
    text
}

fn list(letters: &DeadLetters) -> String {
    let line = |letter: &gateway::api::wire::DeadLetter| {
        let text = letter.text.lines().next().unwrap_or_default();
        let group = letter.group.as_ref().map_or("-", |group| group.as_str());
        let chat = letter.chat.as_ref().map_or("-", |chat| chat.as_str());
        format!("{}  {group}  {chat}  {}\n    {text}\n", letter.at, letter.reason)
    };
    letters.dead_letters.iter().map(line).collect()
}

fn list_undelivered(replies: &UndeliveredReplies) -> String {
    let line = |reply: &gateway::api::wire::UndeliveredReply| {
        let text = reply.text.lines().next().unwrap_or_default();
        let (at, state, group, chat) = (reply.at, reply.state.as_str(), &reply.group, &reply.chat);
        format!("{at}  {state}  {group}  {chat}  {}\n    {text}\n", reply.reason)
    };
    replies.undelivered.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::api::wire::StatusCounts;
    use serde_json::json;

    #[test]
    fn the_table_says_what_is_wrong() {
        let status = Status {
            version: "1.2.3".into(),
            readiness: json!({"ready": false, "conditions": {
                "delivery": {"state": "ok"},
                "runtime": {"state": "degraded", "reason": "no engine"},
            }}),
            counts: StatusCounts {
                groups: 2,
                waiting_groups: 1,
                owned_groups: 0,
                outbox_pending: 0,
                outbox_uncertain: 0,
                outbox_dead: 0,
                dead_letters: 0,
            },
        };
        let text = table(&status);
        assert!(
            text.starts_with("clawhold 1.2.3: not ready\n  delivery: ok\n  runtime: degraded (no engine)\n"),
            "{text}"
        );
        assert!(text.contains("     2  groups\n"), "{text}");
    }
}
