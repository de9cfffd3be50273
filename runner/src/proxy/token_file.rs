//! Where renewed tokens are kept: a refresh token that was rotated and then forgotten locks the owner out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Largest file read, in bytes; it holds two tokens.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// `<data_dir>/oauth.json`, readable by the node's user only.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Digest of the configured refresh token: kept tokens that came from another one are out of date.
    origin: String,
}

/// What is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    origin: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    pub(super) expires_at: Timestamp,
}

impl TokenFile {
    pub(super) fn new(data_dir: &Path, configured_refresh_token: &str) -> Self {
        let origin = hex::encode(Sha256::digest(configured_refresh_token.as_bytes()));
        Self {
            path: data_dir.join("oauth.json"),
            origin,
        }
    }

    /// The tokens kept for the configured refresh token; an unreadable file counts as none and is reported.
    pub(super) fn load(&self) -> Option<Tokens> {
        let read = File::open(&self.path).and_then(|file| {
            let mut text = String::new();
            io::Read::read_to_string(&mut io::Read::take(file, FILE_BYTES_MAX), &mut text).map(|_| text)
        });
        let text = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "kept OAuth tokens cannot be read"
                );
                return None;
            }
            Ok(text) => text,
        };
        let Ok(tokens) = serde_json::from_str::<Tokens>(&text) else {
            tracing::warn!("kept OAuth tokens are malformed");
            return None;
        };
        Some(tokens).filter(|tokens| tokens.origin == self.origin)
    }

    /// Keeps tokens, durably, before the old ones are forgotten.
    pub(super) fn save(&self, access_token: &str, refresh_token: &str, expires_at: Timestamp) -> io::Result<()> {
        let tokens = Tokens {
            origin: self.origin.clone(),
            access_token: access_token.to_owned(),
            refresh_token: refresh_token.to_owned(),
            expires_at,
        };
        let temporary = self.path.with_extension("json.tmp");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(serde_json::to_string(&tokens)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(temporary, &self.path)
    }
}
