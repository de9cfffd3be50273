//! The two files of Google's OAuth, in the form NanoClaw's Gmail server keeps them (GM-01).

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The OAuth client, `gcp-oauth.keys.json`. Its addresses are not used: the file may come from anywhere.
#[derive(Clone, Deserialize)]
pub struct Keys {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

#[derive(Deserialize)]
struct KeysFile {
    #[serde(alias = "web")]
    installed: Keys,
}

/// What the owner consented to, `credentials.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    pub(super) refresh_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token_type: Option<String>,
}

impl Keys {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there or is none; says how to get one.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let context = || {
            format!(
                "{} cannot be used (channels.gmail.keys_file): create an OAuth client of type \"Desktop app\" in Google's \
                 console and save its JSON there",
                path.display()
            )
        };
        let text = std::fs::read_to_string(path).with_context(context)?;
        let file: KeysFile = serde_json::from_str(&text).with_context(context)?;
        Ok(file.installed)
    }
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there or is none; says how to get one.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let context = || {
            format!(
                "{} cannot be used (channels.gmail.credentials_file): run `clawhold auth gmail`",
                path.display()
            )
        };
        let text = std::fs::read_to_string(path).with_context(context)?;
        serde_json::from_str(&text).with_context(context)
    }

    /// Writes the file, readable by its owner alone; whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let context = || format!("{} cannot be written (channels.gmail.credentials_file)", path.display());
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).with_context(context)?;
        }
        let text = serde_json::to_string_pretty(self).with_context(context)?;
        let fresh = path.with_extension("new");
        // One left by a process that died may be readable by others.
        let _ = std::fs::remove_file(&fresh);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(context)?;
        file.write_all(text.as_bytes()).with_context(context)?;
        file.sync_all().with_context(context)?;
        std::fs::rename(&fresh, path).with_context(context)
    }
}
