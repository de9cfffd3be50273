//! `clawhold group`: registers groups and chats in the running node.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use gateway::api::wire::{Chats, GroupChange, Groups, NewGroup, Registration};
use proto::group::{Group, GroupSettings};
use proto::ids::GroupId;
use reqwest::Method;
use serde_json::{Map, Value};

use super::answer;
use super::control::{Control, segment};

/// Lists and changes groups.
#[derive(Args, Debug)]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    command: GroupCommand,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum GroupCommand {
    /// Registers a group; its local chat is there at once.
    Add {
        /// Its name as a folder: 1 to 64 letters, digits, '-' or '_'.
        id: GroupId,
        /// Name shown to people.
        #[arg(long)]
        name: Option<String>,
        /// Gives it the privileges of `main`.
        #[arg(long)]
        main: bool,
        /// A setting, as in `trigger=@Bot` or `requires_trigger=false`.
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, Value)>,
    },
    /// Lists the groups.
    List,
    /// Changes a group; what is not named stays.
    Set {
        /// The group.
        id: GroupId,
        /// Name shown to people.
        #[arg(long)]
        name: Option<String>,
        /// Gives it the privileges of `main`, or takes them.
        #[arg(long, value_name = "BOOL")]
        main: Option<bool>,
        /// Settings, as in `model=opus`; `KEY=` returns one to the node's default.
        #[arg(value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, Value)>,
    },
    /// Unregisters a group: its inbox and session are removed.
    Remove {
        /// The group.
        id: GroupId,
    },
    /// Lists the known chats, the one heard of last first.
    Chats,
    /// Registers a known chat to a group.
    Register {
        /// The chat, as `clawhold group chats` lists it.
        chat: String,
        /// The group; without one the chat belongs to none.
        group: Option<GroupId>,
    },
}

/// Runs the command.
pub(crate) async fn run(args: GroupArgs) -> anyhow::Result<ExitCode> {
    let control = Control::of_config(args.config.as_deref())?;
    let text = match args.command {
        GroupCommand::Add {
            id,
            name,
            main,
            settings,
        } => {
            let settings: GroupSettings = serde_json::from_value(Value::Object(settings.into_iter().collect()))?;
            let new = NewGroup {
                id,
                name,
                is_main: main,
                settings,
            };
            let group: Group = control.ask(Method::POST, "/v1/groups", &new).await?;
            answer(&group, args.json, |group| format!("added {}\n", line(group)))?
        }
        GroupCommand::List => {
            let groups: Groups = control.get("/v1/groups").await?;
            answer(&groups, args.json, |groups| {
                groups.groups.iter().map(|group| line(group) + "\n").collect()
            })?
        }
        GroupCommand::Set {
            id,
            name,
            main,
            settings,
        } => {
            let change = GroupChange {
                name,
                is_main: main,
                settings: settings.into_iter().collect::<Map<_, _>>(),
            };
            let path = format!("/v1/groups/{id}");
            let group: Group = control.ask(Method::PATCH, &path, &change).await?;
            answer(&group, args.json, |group| format!("changed {}\n", line(group)))?
        }
        GroupCommand::Remove { id } => {
            let path = format!("/v1/groups/{id}");
            control.tell(Method::DELETE, &path, None::<&()>).await?;
            String::new()
        }
        GroupCommand::Chats => {
            let chats: Chats = control.get("/v1/chats").await?;
            answer(&chats, args.json, chat_lines)?
        }
        GroupCommand::Register { chat, group } => {
            let path = format!("/v1/chats/{}/group", segment(&chat));
            let registration = Registration { group };
            control.tell(Method::PUT, &path, Some(&registration)).await?;
            String::new()
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Reads `key=value`: a number, `true`, `false` or JSON is that, nothing is `null`, everything else a text.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    let value = match value {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    Ok((key.to_owned(), value))
}

fn line(group: &Group) -> String {
    let main = if group.is_main { "  [main]" } else { "" };
    let mut text = format!("{}  {:?}{main}", group.id, group.name);
    let settings = serde_json::to_value(&group.settings).unwrap_or_default();
    for (key, value) in settings.as_object().into_iter().flatten() {
        if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
            text.push_str(&format!("  {key}={value}"));
        }
    }
    text
}

fn chat_lines(chats: &Chats) -> String {
    let line = |chat: &proto::group::Chat| {
        let group = chat.group.as_ref().map_or("-", GroupId::as_str);
        let name = chat.name.as_deref().unwrap_or_default();
        format!("{}  {group}  {}  {name:?}\n", chat.id, chat.last_seen_at)
    };
    chats.chats.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_is_what_it_looks_like() {
        let value = |text| setting(text).expect("key and value").1;
        assert_eq!(value("trigger=@Bot"), json!("@Bot"));
        assert_eq!(value("requires_trigger=false"), json!(false));
        assert_eq!(value("timeout_ms=5"), json!(5));
        assert_eq!(value("model="), Value::Null);
        assert_eq!(
            value(r#"additional_mounts=[{"hostPath":"~/x"}]"#),
            json!([{"hostPath": "~/x"}])
        );
        assert!(setting("trigger").is_err());
    }
}
