//! The sender allowlist (SA-01…06): who may call the agent in which chat, read from a file outside every mount.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::ids::ChatId;

/// What happens to messages of senders who are not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Stored as context, but they cannot trigger the agent.
    Trigger,
    /// Not stored at all.
    Drop,
}

/// The rule of one chat, or the default rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who is allowed.
    pub allow: Allow,
    /// What happens to everybody else.
    pub mode: Mode,
}

/// A set of senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Everybody (`"*"`).
    Everybody,
    /// Exactly these platform ids (SA-04).
    These(BTreeSet<String>),
}

impl Rule {
    /// Whether the sender is allowed.
    pub fn allows(&self, sender: &str) -> bool {
        match &self.allow {
            Allow::Everybody => true,
            Allow::These(ids) => ids.contains(sender),
        }
    }
}

/// A read allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderAllowlist {
    default: Rule,
    chats: BTreeMap<String, Rule>,
    /// Whether denials are logged (SA-06).
    pub log_denied: bool,
}

/// What to do when the file is there but cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInvalid {
    /// Allow everybody, as NanoClaw does (SA-02).
    AllowEverybody,
    /// Drop everybody until the file is mended (the option that SA-D2 lacks).
    DropEverybody,
}

impl SenderAllowlist {
    /// Everybody may trigger: what holds when there is no file (SA-02).
    pub fn allow_everybody() -> Self {
        let default = Rule {
            allow: Allow::Everybody,
            mode: Mode::Trigger,
        };
        Self {
            default,
            chats: BTreeMap::new(),
            log_denied: true,
        }
    }

    /// Nobody is heard: what holds when the file is unusable and the node fails closed.
    pub fn drop_everybody() -> Self {
        let default = Rule {
            allow: Allow::These(BTreeSet::new()),
            mode: Mode::Drop,
        };
        Self {
            default,
            chats: BTreeMap::new(),
            log_denied: true,
        }
    }

    /// Reads the file's text. Returns the list and what must be told to the operator (SA-02, SA-03).
    ///
    /// A text that is no valid list gives what `on_invalid` says. An invalid entry of one chat is left out with a
    /// warning (SA-03), except when failing closed: then that chat is dropped.
    pub fn parse(text: &str, on_invalid: OnInvalid) -> (Self, Vec<String>) {
        match Self::parse_checked(text, on_invalid) {
            Ok(read) => read,
            Err(reason) => {
                let list = match on_invalid {
                    OnInvalid::AllowEverybody => Self::allow_everybody(),
                    OnInvalid::DropEverybody => Self::drop_everybody(),
                };
                (list, vec![reason])
            }
        }
    }

    /// The rule of a chat: its own, else the default (SA-04).
    pub fn rule_for(&self, chat: &ChatId) -> &Rule {
        self.chats.get(chat.as_str()).unwrap_or(&self.default)
    }

    fn parse_checked(text: &str, on_invalid: OnInvalid) -> Result<(Self, Vec<String>), String> {
        let file: Value = serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))?;
        let default = match file.get("default") {
            Some(entry) => parse_rule(entry).map_err(|reason| format!("\"default\": {reason}"))?,
            None => return Err("\"default\" is missing".to_owned()),
        };
        let mut warnings = Vec::new();
        let mut chats = BTreeMap::new();
        match file.get("chats") {
            None => {}
            Some(Value::Object(entries)) => {
                for (chat, entry) in entries {
                    match (parse_rule(entry), on_invalid) {
                        (Ok(rule), _) => {
                            chats.insert(chat.clone(), rule);
                        }
                        (Err(reason), OnInvalid::AllowEverybody) => {
                            warnings.push(format!("entry of chat {chat:?} is left out: {reason}"));
                        }
                        (Err(reason), OnInvalid::DropEverybody) => {
                            warnings.push(format!("chat {chat:?} is dropped until its entry is mended: {reason}"));
                            chats.insert(chat.clone(), Self::drop_everybody().default);
                        }
                    }
                }
            }
            Some(_) => return Err("\"chats\" must be an object".to_owned()),
        }
        let log_denied = file.get("logDenied") != Some(&Value::Bool(false));
        Ok((
            Self {
                default,
                chats,
                log_denied,
            },
            warnings,
        ))
    }
}

fn parse_rule(entry: &Value) -> Result<Rule, String> {
    let mode = match entry.get("mode").and_then(Value::as_str) {
        Some("trigger") => Mode::Trigger,
        Some("drop") => Mode::Drop,
        _ => return Err("\"mode\" must be \"trigger\" or \"drop\"".to_owned()),
    };
    let allow = match entry.get("allow") {
        Some(Value::String(all)) if all == "*" => Allow::Everybody,
        Some(Value::Array(ids)) => {
            let ids: Option<BTreeSet<_>> = ids.iter().map(|id| id.as_str().map(str::to_owned)).collect();
            Allow::These(ids.ok_or("\"allow\" must list sender ids as text")?)
        }
        _ => return Err("\"allow\" must be \"*\" or a list of sender ids".to_owned()),
    };
    Ok(Rule { allow, mode })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(list: &SenderAllowlist, chat: &str) -> Rule {
        list.rule_for(&ChatId::new(chat)).clone()
    }

    #[test]
    fn sa_01_to_04_a_chat_entry_replaces_the_default_and_ids_match_exactly() {
        let text = r#"{"default":{"allow":["a"],"mode":"drop"},
                       "chats":{"tg:1":{"allow":"*","mode":"trigger"}},"logDenied":false}"#;
        let (list, warnings) = SenderAllowlist::parse(text, OnInvalid::AllowEverybody);
        assert!(warnings.is_empty());
        assert!(!list.log_denied);
        assert!(rule(&list, "tg:1").allows("anybody"));
        let default = rule(&list, "tg:2");
        assert_eq!(default.mode, Mode::Drop);
        assert!(default.allows("a") && !default.allows("A") && !default.allows("ab"));
    }

    #[test]
    fn sa_02_an_unusable_file_opens_or_closes_as_asked() {
        for bad in [
            "{",
            "[]",
            r#"{"default":{"allow":"*"}}"#,
            r#"{"default":{"allow":"all","mode":"drop"}}"#,
        ] {
            let (open, warnings) = SenderAllowlist::parse(bad, OnInvalid::AllowEverybody);
            assert_eq!((open, warnings.len()), (SenderAllowlist::allow_everybody(), 1), "{bad}");
            let (closed, warnings) = SenderAllowlist::parse(bad, OnInvalid::DropEverybody);
            assert_eq!(
                (closed, warnings.len()),
                (SenderAllowlist::drop_everybody(), 1),
                "{bad}"
            );
        }
    }

    #[test]
    fn sa_03_an_invalid_chat_entry_is_left_out_with_a_warning_or_closes_that_chat() {
        let text = r#"{"default":{"allow":"*","mode":"trigger"},"chats":{"x":{"allow":[1],"mode":"drop"}}}"#;
        let (open, warnings) = SenderAllowlist::parse(text, OnInvalid::AllowEverybody);
        assert!(rule(&open, "x").allows("1") && warnings.len() == 1);
        let (closed, _) = SenderAllowlist::parse(text, OnInvalid::DropEverybody);
        assert!(!rule(&closed, "x").allows("1") && rule(&closed, "y").allows("1"));
    }
}
