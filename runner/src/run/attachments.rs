//! Files of messages around a turn: brought into the workspace before the agent reads of them, taken from it when the agent
//! sends one.

use std::sync::Arc;

use blobs::BlobName;
use bytes::Bytes;
use proto::ids::GroupId;
use proto::inbound::{ATTACHMENTS, InboxMessage, ReceivedFile, picture_type, plain_name};
use proto::ipc::Picture;
use proto::outbound::Attachment;
use sha2::{Digest as _, Sha256};

use super::GroupRun;
use crate::engine::Engine;
use crate::workspace::Unsendable;

/// Largest file that an agent sends: what the platforms take from bots lies between 10 and 100 MB.
const SEND_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Pictures shown with one prompt; the API takes up to 100, and each costs about as much as a page of text.
const PICTURES_MAX: usize = 20;
/// Largest picture shown: the API takes 5 MB as base64. A larger one is a file in the workspace like any other.
const PICTURE_BYTES_MAX: usize = 3_750_000;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What was brought for a prompt.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// To be shown to the model.
    pub(super) pictures: Vec<Picture>,
    /// What the agent must know of files that could not be brought.
    pub(super) missing: String,
}

/// Why a file was not taken from the workspace.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// The agent's own doing.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// Not now.
    #[error("files cannot be kept right now; try again")]
    Unavailable,
}

impl GroupRun {
    /// Puts the files of these messages where the texts say they are.
    pub(super) async fn bring_attachments(&mut self, messages: &[InboxMessage]) -> Brought {
        let group = &self.claimed.fence.group;
        let mut brought = Brought::default();
        for file in messages.iter().flat_map(|message| &message.envelope.details.files) {
            match bring(&self.engine, group, file).await {
                Ok(Some(picture)) if brought.pictures.len() < PICTURES_MAX => brought.pictures.push(picture),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(group.id = %group, error = &*error, "a file of a message could not be brought");
                    brought
                        .missing
                        .push_str(&format!("\n[The file {} is not available.]", file.path()));
                }
            }
        }
        brought
    }

    /// Takes a file from the workspace and keeps it for the channel. `key` tells it apart within the group.
    pub(super) async fn take_file(&mut self, path: &str, key: &str) -> Result<Attachment, NotTaken> {
        let (engine, group, path) = (
            Arc::clone(&self.engine),
            self.claimed.fence.group.clone(),
            path.to_owned(),
        );
        let take = move || engine.folders.take_file(&group, &path, SEND_BYTES_MAX);
        let taken = tokio::task::spawn_blocking(take)
            .await
            .map_err(|_| NotTaken::Unavailable)?;
        let (name, contents) = taken?;
        let name = plain_name(&name);
        let group = &self.claimed.fence.group;
        let digest = hex::encode(Sha256::digest(format!("{group}:{key}")));
        let day = self.engine.clock.now().to_utc().format("%Y%m%d");
        let blob = BlobName::parse(&format!("{ATTACHMENTS}/{day}/{}", &digest[..32]))
            .expect("digits and letters in three segments");
        let attachment = Attachment {
            media_type: media_type(&name, &contents).to_owned(),
            name,
            bytes: contents.len() as u64,
            blob: blob.to_string(),
        };
        let kept = self.engine.files.put(&blob, Bytes::from(contents)).await;
        kept.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(group.id = %group, error, "a file of an agent cannot be kept");
            NotTaken::Unavailable
        })?;
        Ok(attachment)
    }
}

async fn bring(engine: &Arc<Engine>, group: &GroupId, file: &ReceivedFile) -> Result<Option<Picture>, Cause> {
    let contents = engine.files.get(&BlobName::parse(&file.file.blob)?).await?;
    let picture = picture_type(&contents)
        .filter(|_| contents.len() <= PICTURE_BYTES_MAX)
        .map(|media_type| Picture {
            path: file.path(),
            media_type: media_type.to_owned(),
        });
    let (engine, group, name) = (Arc::clone(engine), group.clone(), file.file_name());
    let put = move || engine.folders.put_attachment(&group, &name, &contents);
    tokio::task::spawn_blocking(put).await??;
    Ok(picture)
}

/// By the bytes of a picture, else by the extension: platforms show files by it.
fn media_type(name: &str, contents: &[u8]) -> &'static str {
    if let Some(picture) = picture_type(contents) {
        return picture;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" | "log" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
