//! The agent's `settings.json`, written only if there is none (CR-09): people and agents may change it.

pub(super) const NAME: &str = "settings.json";

/// Its first contents, the same three switches as NanoClaw's.
pub(super) const CONTENTS: &str = r#"{
  "env": {
    "CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS": "1",
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "0"
  }
}
"#;
